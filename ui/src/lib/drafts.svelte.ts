// What was typed and not sent yet. The node keeps it, so it survives everything
// and is there in another browser. What the node has not confirmed yet waits in
// this browser's own storage, so nothing is lost while the node is away.

import { api, ask, Failure, type Draft } from "./api";
import { conversations } from "./conversations.svelte";
import { most as mostMentions } from "./mentions";

const key = (conversation: string) => `kith.draft.${conversation}`;
const pause = 500; // of typing, before the node is told
const mostAlive = 60_000; // bytes in a request that may outlive its page: 64 KiB for all

export const none: Draft = { text: "" };

export const isEmpty = (d: Draft | undefined) => !d?.text && !d?.reply_to;

const shape = (d: Draft | undefined) => (isEmpty(d) ? "" : JSON.stringify([d!.text, d!.reply_to ?? "", (d!.mentions ?? []).map((m) => [m.account, m.text])]));

export const same = (a: Draft | undefined, b: Draft | undefined) => shape(a) === shape(b);

// A Waiting draft is one that the node does not have; base is what it had when
// this one was begun.
interface Waiting {
  draft: Draft;
  base?: Draft;
}

class Drafts {
  #waiting = $state.raw<ReadonlyMap<string, Waiting>>(new Map(left()));
  // Those that were found here, and may be another tab's, which goes on with them.
  #found = new Set(this.#waiting.keys());
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #pushing = new Set<string>();
  // What was given to the node and will be told back by it, per conversation.
  #echoes = new Map<string, string[]>();
  #watchers = new Map<string, (d: Draft) => void>();

  // of is the draft of a conversation, as far as this page knows.
  of(conversation: string): Draft {
    return this.#waiting.get(conversation)?.draft ?? conversations.byID.get(conversation)?.draft ?? none;
  }

  // put keeps a draft: here at once, and at the node soon.
  put(conversation: string, draft: Draft) {
    if (same(draft, this.of(conversation))) return;
    this.#found.delete(conversation);
    const base = (this.#waiting.get(conversation) ?? { base: conversations.byID.get(conversation)?.draft }).base;
    this.#keep(conversation, { draft, base });
    clearTimeout(this.#timers.get(conversation));
    this.#timers.set(conversation, setTimeout(() => void this.push(conversation), pause));
  }

  // flush gives the node everything now, because the page may be going.
  flush() {
    for (const conversation of this.#waiting.keys()) if (!this.#found.has(conversation)) void this.push(conversation);
  }

  // push gives the node one draft. If that fails, it waits for catchUp.
  async push(conversation: string): Promise<void> {
    clearTimeout(this.#timers.get(conversation));
    this.#timers.delete(conversation);
    const entry = this.#waiting.get(conversation);
    // One at a time, or the older one might arrive last.
    if (!entry || this.#pushing.has(conversation)) return;
    if (same(entry.draft, entry.base)) return this.#forget(conversation);
    this.#pushing.add(conversation);
    const echo = shape(entry.draft);
    this.#expect(conversation, (echoes) => [...echoes, echo]);
    try {
      await ask(api.PUT("/conversations/{ref}/draft", { params: { path: { ref: conversation } }, body: entry.draft, keepalive: JSON.stringify(entry.draft).length * 3 < mostAlive }));
      // What the node told since may be newer: another browser may have sent it.
      if (this.#echoes.get(conversation)?.includes(echo)) conversations.keepDraft(conversation, isEmpty(entry.draft) ? undefined : entry.draft);
      const now = this.#waiting.get(conversation);
      if (now === entry) this.#forget(conversation);
      else if (now) this.#keep(conversation, { ...now, base: entry.draft });
    } catch (failure) {
      this.#expect(conversation, (echoes) => echoes.filter((e) => e !== echo));
      // A conversation that is not of this node: of another one at this address.
      if (failure instanceof Failure && failure.kind === "not_found") this.#forget(conversation);
      return;
    } finally {
      this.#pushing.delete(conversation);
    }
    if (this.#waiting.has(conversation) && !this.#timers.has(conversation)) await this.push(conversation);
  }

  // catchUp is called when the node is there again and what it has is loaded.
  async catchUp() {
    this.#find();
    for (const [id, { draft, base }] of this.#waiting) {
      const theirs = conversations.byID.get(id)?.draft;
      const joined = reconcile(draft, base, theirs);
      if (!same(joined, draft)) this.#keep(id, { draft: joined, base: theirs });
    }
    for (const [id, watcher] of this.#watchers) watcher(this.of(id));
    await Promise.all([...this.#waiting.keys()].map((id) => this.push(id)));
  }

  // told is called when the node says that it has a draft; who watches is told
  // in turn, unless it came from here or something newer is on its way.
  told(conversation: string, draft: Draft | undefined) {
    const at = this.#echoes.get(conversation)?.indexOf(shape(draft)) ?? -1;
    if (at >= 0) this.#expect(conversation, (echoes) => echoes.slice(at + 1));
    else if (!this.#waiting.has(conversation)) this.#watchers.get(conversation)?.(draft ?? none);
  }

  // watch tells of drafts from elsewhere, until the function that it gives is
  // called.
  watch(conversation: string, changed: (d: Draft) => void): () => void {
    this.#watchers.set(conversation, changed);
    return () => this.#watchers.get(conversation) === changed && this.#watchers.delete(conversation);
  }

  #expect(conversation: string, change: (echoes: string[]) => string[]) {
    this.#echoes.set(conversation, change(this.#echoes.get(conversation) ?? []).slice(-20));
  }

  // #find looks again for what this browser kept.
  #find() {
    const stored = new Map(left());
    const waiting = new Map(this.#waiting);
    for (const id of this.#found) waiting.delete(id);
    for (const [id, entry] of stored) {
      if (waiting.has(id)) continue;
      waiting.set(id, entry);
      this.#found.add(id);
    }
    this.#waiting = waiting;
  }

  #keep(conversation: string, entry: Waiting) {
    this.#waiting = new Map(this.#waiting).set(conversation, entry);
    try {
      localStorage.setItem(key(conversation), JSON.stringify(entry));
    } catch {
      // The browser keeps nothing, or is full: the text is still in its field.
    }
  }

  #forget(conversation: string) {
    const kept = JSON.stringify(this.#waiting.get(conversation));
    const waiting = new Map(this.#waiting);
    waiting.delete(conversation);
    this.#found.delete(conversation);
    this.#waiting = waiting;
    // Another tab may have kept something newer.
    if (localStorage.getItem(key(conversation)) === kept) localStorage.removeItem(key(conversation));
  }
}

// left is what this browser kept and the node may not have.
function left(): [string, Waiting][] {
  const found: [string, Waiting][] = [];
  for (const name of Object.keys(localStorage)) {
    if (!name.startsWith(key(""))) continue;
    try {
      const entry = JSON.parse(localStorage.getItem(name)!) as Waiting;
      if (typeof entry.draft.text === "string") found.push([name.slice(key("").length), entry]);
    } catch {
      localStorage.removeItem(name); // nothing that makes sense
    }
  }
  return found;
}

// reconcile is what becomes of a draft that the node never got, if the node has
// another one by now. Nothing that was typed is lost.
export function reconcile(mine: Draft, base: Draft | undefined, theirs: Draft | undefined): Draft {
  if (isEmpty(theirs) || same(base, theirs) || mine.text.includes(theirs!.text)) return mine;
  if (theirs!.text.includes(mine.text)) return theirs!;
  return { ...mine, text: `${theirs!.text}\n${mine.text}`, mentions: [...(theirs!.mentions ?? []), ...(mine.mentions ?? [])].slice(0, mostMentions) };
}

export const drafts = new Drafts();
