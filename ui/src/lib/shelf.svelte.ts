// Everything that was shared in one conversation, for the folder view and the
// gallery. It comes by the page, newest first, and stays current.

import { api, ask, type Message } from "./api";
import { files } from "./files.svelte";
import { isVisual, kindOf, titleOf } from "./media";
import { compare } from "./messages.svelte";

const page = 500;

export const groups = ["picture", "film", "sound", "document", "folder", "torrent"] as const;
export type Group = (typeof groups)[number];
export const orders = ["date", "name", "size"] as const;
export type Order = (typeof orders)[number];

export function groupOf(m: Message): Group | undefined {
  const kind = kindOf(m);
  return kind === "pdf" || kind === "text" || kind === "other" ? "document" : kind;
}

export const sizeOf = (m: Message) => m.file?.size ?? m.torrent?.size ?? 0;

export class Shelf {
  // Newest first.
  list = $state.raw<readonly Message[]>([]);
  loaded = $state(false); // all of it
  visual = $derived(this.list.filter(isVisual).toReversed()); // oldest first, as one looks at them
  #asked = 0;

  constructor(readonly conversation: string) {}

  // follow keeps it current until the function that it gives is called.
  follow(): () => void {
    const end = files.listen({ changed: (m) => this.take(m), reset: () => void this.load().catch(() => {}) });
    return () => (end(), this.#asked++);
  }

  async load() {
    const own = ++this.#asked;
    let all: Message[] = [];
    for (let before: string | undefined; ; ) {
      const query = { conversation: this.conversation, limit: page, ...(before && { before }) };
      const some = (await ask(api.GET("/files", { params: { query } }))) ?? [];
      if (own !== this.#asked) return;
      all = [...all, ...some];
      if (!this.loaded) this.list = all;
      if (some.length < page) break;
      before = some.at(-1)!.id;
    }
    [this.list, this.loaded] = [all, true];
  }

  take(m: Message) {
    if (m.conversation !== this.conversation) return;
    const at = this.list.findIndex((held) => held.id === m.id);
    if (!kindOf(m)) {
      if (at >= 0) this.list = this.list.toSpliced(at, 1);
    } else if (at >= 0) this.list = this.list.with(at, m);
    else {
      const place = this.list.findIndex((held) => compare(held, m) < 0);
      if (place >= 0 || this.loaded || !this.list.length) this.list = this.list.toSpliced(place < 0 ? this.list.length : place, 0, m);
    }
  }

  // chosen are those of a kind, whose name holds some words, in an order.
  chosen(group: Group | undefined, words: string, order: Order): readonly Message[] {
    const wanted = fold(words).split(/\s+/).filter(Boolean);
    const all = this.list.filter((m) => (!group || groupOf(m) === group) && wanted.every((w) => folded(m).includes(w)));
    if (order === "date") return all;
    const byName = new Intl.Collator(undefined, { numeric: true }).compare;
    return all.sort((a, b) => (order === "size" ? sizeOf(b) - sizeOf(a) : byName(titleOf(a), titleOf(b))) || compare(b, a));
  }
}

const fold = (s: string) => s.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();
const names = new WeakMap<Message, string>();
function folded(m: Message): string {
  let held = names.get(m);
  if (held === undefined) names.set(m, (held = fold(`${titleOf(m)} ${m.text} ${m.from_name}`)));
  return held;
}
