// What is shared: where its bytes are, and what one may do with it. Who shows
// shares listens here for what changes about them.

import { api, ask, base, type FileEntry, type Message, type Sealing, type Transfer } from "./api";
import { nav } from "./nav.svelte";

const one = (id: string) => ({ params: { path: { id } } });

// transferOf is how a share stands on this device.
export const transferOf = (m: Message): Transfer | undefined => m.file?.transfer ?? m.torrent?.transfer;

// here says that all of it is.
export const here = (m: Message) => transferOf(m)?.state === "complete";

// onItsWay says that it comes, or will by itself.
export const onItsWay = (t: Transfer | undefined) => !!t && ["waiting", "queued", "fetching", "checking"].includes(t.state);

// part is how much of what is wanted is here, from 0 to 1.
export const part = (t: { done: number; total: number }) => (t.total > 0 ? Math.min(1, t.done / t.total) : 0);

const at = (id: string, rest: string) => `${base}/files/${encodeURIComponent(id)}/${rest}`;

// The only addresses from which the page shows content.
export const contentURL = (id: string, number = 0) => at(id, `content/${number}`);
export const downloadURL = (id: string, number = 0) => `${contentURL(id, number)}?download=1`;
export const previewURL = (id: string) => at(id, "preview");

export interface Listener {
  changed(m: Message): void; // is new, or has changed
  reset?(): void; // anything may have
}

class Files {
  // What is being read to be shared, by conversation and name.
  sealing = $state.raw<ReadonlyMap<string, Sealing>>(new Map());
  // What this page itself sends is on its way, or failed and waits.
  sending = $state(false);
  #listeners = new Set<Listener>();

  listen(l: Listener): () => void {
    this.#listeners.add(l);
    return () => this.#listeners.delete(l);
  }

  told(m: Message) {
    for (const l of this.#listeners) l.changed(m);
  }

  reset() {
    this.sealing = new Map();
    for (const l of this.#listeners) l.reset?.();
  }

  // seals is told how far something was read.
  seals(s: Sealing) {
    const all = new Map(this.sealing);
    if (s.ended) all.delete(s.conversation + s.name);
    else all.set(s.conversation + s.name, s);
    this.sealing = all;
  }

  // take shows a share as the node now has it, everywhere.
  take(m: Message): Message {
    if (m.conversation === nav.conversation) nav.history?.amend(m);
    this.told(m);
    return m;
  }

  fetch = async (m: Message, files?: string[], first = false) => this.take(await ask(api.POST("/files/{id}/fetch", { ...one(m.id), body: { files, first } })));
  pause = async (m: Message) => this.take(await ask(api.POST("/files/{id}/pause", one(m.id))));
  resume = async (m: Message) => this.take(await ask(api.POST("/files/{id}/resume", one(m.id))));
  verify = async (m: Message) => this.take(await ask(api.POST("/files/{id}/verify", one(m.id))));
  drop = async (m: Message) => this.take(await ask(api.POST("/files/{id}/drop", one(m.id))));
  move = async (m: Message, before: string) => this.take(await ask(api.POST("/files/{id}/move", { ...one(m.id), body: { before } })));
  entries = async (m: Message): Promise<FileEntry[]> => (await ask(api.GET("/files/{id}/entries", one(m.id)))) ?? [];

  async launch(m: Message, number = 0) {
    await ask(api.POST("/files/{id}/launch", { params: { path: { id: m.id }, query: { number } } }));
  }

  async reveal(m: Message) {
    await ask(api.POST("/files/{id}/reveal", one(m.id)));
  }

  // want sees to it that what one looks at comes, before all others.
  async want(m: Message) {
    const t = transferOf(m);
    if (!t || t.own || t.state === "complete" || t.state === "fetching") return;
    await this.fetch(m, undefined, true);
  }
}

export const files = new Files();
