// Files on their way from the page to the node, which shares them together once
// all have arrived. Each batch goes on whatever one looks at meanwhile, and
// what failed is tried again without what has arrived.

import { api, ask, base, Failure, type Message, type UploadRequest } from "./api";
import { files } from "./files.svelte";
import { nav } from "./nav.svelte";
import type { Picked } from "./picked";

const atOnce = 3; // files

export type Stage = "copying" | "sealing" | "failed";

// An Item is one file of a batch. Two of one name get two places.
interface Item extends Picked {
  sent: number;
  there: boolean;
}

// A Put sends one file, and tells how much of it went.
export type Put = (url: string, file: Blob, progress: (sent: number) => void, end: AbortSignal) => Promise<void>;

// By XMLHttpRequest, for fetch does not tell how far it is.
export const put: Put = (url, file, progress, end) =>
  new Promise((done, failed) => {
    const x = new XMLHttpRequest();
    x.open("PUT", url);
    x.setRequestHeader("Content-Type", "application/octet-stream");
    x.upload.onprogress = (e) => progress(e.loaded);
    x.onload = () => (x.status < 300 ? done() : failed(problem(x)));
    // The browser says no more; one that was changed or moved can't be read either.
    x.onerror = () => failed(new Failure("unreachable", ""));
    x.onabort = () => failed(new DOMException("", "AbortError"));
    end.addEventListener("abort", () => x.abort());
    if (end.aborted) return x.abort();
    x.send(file);
  });

function problem(x: XMLHttpRequest): Failure {
  try {
    const { kind, detail } = JSON.parse(x.responseText) as { kind: Failure["kind"]; detail: string };
    return new Failure(kind, detail);
  } catch {
    return new Failure("internal", `${x.status} ${x.statusText}`);
  }
}

export class Upload {
  stage = $state<Stage>("copying");
  sent = $state(0); // bytes
  error = $state.raw<Failure>();
  readonly total: number;
  readonly items: Item[];
  readonly batch = crypto.randomUUID();
  #end = new AbortController();

  constructor(readonly conversation: string, picked: readonly Picked[], readonly request: UploadRequest, readonly send: Put = put) {
    const taken = new Set<string>();
    this.items = picked.map((one) => ({ ...one, path: free(one.path, taken), sent: 0, there: false }));
    this.total = picked.reduce((sum, { file }) => sum + file.size, 0);
  }

  // name is the first of what is shared; more is how many others are.
  get name() {
    return this.items[0]!.path.split("/")[0]!;
  }
  get more() {
    return new Set(this.items.map((item) => item.path.split("/")[0])).size - 1;
  }

  // sealed is how far the node has read what has arrived, from 0 to 1.
  get sealed(): number {
    const mine = [...files.sealing.values()].filter((s) => s.conversation === this.conversation);
    const total = mine.reduce((sum, s) => sum + s.total, 0);
    return total ? mine.reduce((sum, s) => sum + s.done, 0) / total : 0;
  }

  #url(path: string) {
    return `${base}/conversations/${encodeURIComponent(this.conversation)}/uploads/${this.batch}?path=${encodeURIComponent(path)}`;
  }

  // run copies what is missing and shares all. It may be called again after it failed.
  async run(): Promise<Message[]> {
    this.stage = "copying";
    this.error = undefined;
    try {
      const left = this.items.filter((item) => !item.there);
      const one = async () => {
        for (let item = left.shift(); item; item = left.shift()) await this.#copy(item);
      };
      await Promise.all(Array.from({ length: atOnce }, one));
      this.#end.signal.throwIfAborted();
      this.stage = "sealing";
      const params = { path: { ref: this.conversation, batch: this.batch } };
      return (await ask(api.POST("/conversations/{ref}/uploads/{batch}", { params, body: this.request, signal: this.#end.signal }))) ?? [];
    } catch (failure) {
      this.stage = "failed";
      this.error = failure instanceof Failure ? failure : new Failure("internal", String(failure));
      this.#again();
      throw failure;
    }
  }

  // #again ends what is still being copied, so that it can begin anew.
  #again() {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.#end = new AbortController();
    for (const item of this.items) if (!item.there) item.sent = 0;
    this.#count();
  }

  async #copy(item: Item) {
    const end = this.#end.signal;
    end.throwIfAborted();
    await this.send(this.#url(item.path), item.file, (sent) => {
      if (end.aborted) return;
      item.sent = Math.min(sent, item.file.size);
      this.#count();
    }, end);
    item.there = true;
    item.sent = item.file.size;
    this.#count();
  }

  #count() {
    this.sent = this.items.reduce((sum, item) => sum + item.sent, 0);
  }

  // cancel forgets all of it, here and at the node.
  async cancel() {
    this.#end.abort();
    await ask(api.DELETE("/conversations/{ref}/uploads/{batch}", { params: { path: { ref: this.conversation, batch: this.batch } } })).catch(() => {});
  }
}

// free gives a path that no other file of the batch has: "a.png", "a (2).png".
function free(path: string, taken: Set<string>): string {
  let now = path;
  for (let n = 2; taken.has(now.toLowerCase()); n++) now = path.replace(/(\.[^./]*)?$/, (ending) => ` (${n})${ending}`);
  taken.add(now.toLowerCase());
  return now;
}

class Uploads {
  all = $state.raw<readonly Upload[]>([]);

  of(conversation: string): readonly Upload[] {
    return this.all.filter((u) => u.conversation === conversation);
  }

  // start begins one and forgets it when it is shared.
  start(conversation: string, picked: readonly Picked[], request: UploadRequest): Upload {
    const u = new Upload(conversation, picked, request);
    this.all = [...this.all, u];
    files.sending = true;
    void this.go(u);
    return u;
  }

  // go runs one, for the first time or once more. What failed stays in sight.
  async go(u: Upload): Promise<void> {
    try {
      for (const m of await u.run()) files.take(m);
      this.#forget(u);
      if (nav.conversation === u.conversation) await nav.history?.follow();
    } catch {
      // u.error says what.
    }
  }

  async cancel(u: Upload) {
    this.#forget(u);
    await u.cancel();
  }

  #forget(u: Upload) {
    this.all = this.all.filter((other) => other !== u);
    files.sending = this.all.length > 0;
  }
}

export const uploads = new Uploads();
