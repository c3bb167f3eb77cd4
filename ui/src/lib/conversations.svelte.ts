// The conversations, the latest first, and after them contacts with whom
// nothing was said yet.

import { api, ask, type Contact, type Conversation } from "./api";
import { contacts } from "./contacts.svelte";
import { once } from "./once";

class Conversations {
  list = $state.raw<readonly Conversation[]>([]);
  loaded = $state(false);
  typing = $state.raw<ReadonlySet<string>>(new Set());

  // rows are what the list shows: each with the contact as it is now.
  rows = $derived.by(() => {
    const rows = this.list.map((v) => ({ ...v, with: contacts.get(v.with.account) ?? { ...v.with, relation: "removed" as const } }));
    const known = new Set(this.list.map((v) => v.with.account));
    const silent = [...contacts.all.values()].filter((c) => !known.has(c.account));
    silent.sort((a, b) => a.name.localeCompare(b.name));
    const all = [...rows.filter((v) => v.last), ...silent.map(empty), ...rows.filter((v) => !v.last)];
    return all.filter((v) => v.with.relation !== "asking" && (v.last || v.with.relation !== "removed"));
  });
  byID = $derived(new Map(this.rows.map((v) => [v.id, v])));
  unread = $derived(this.list.reduce((sum, v) => sum + v.unread, 0));

  #stale = new Set<string>();

  async load() {
    const list = (await ask(api.GET("/conversations"))) ?? [];
    this.list = list;
    this.typing = new Set(list.filter((v) => v.typing).map((v) => v.id));
    this.loaded = true;
  }

  // touch loads one again, soon.
  touch(id: string) {
    this.#stale.add(id);
    return this.#refresh();
  }

  #refresh = once(async () => {
    const ids = [...this.#stale];
    this.#stale.clear();
    if (ids.length > 20) return this.load();
    const fresh = await Promise.all(ids.map((ref) => ask(api.GET("/conversations/{ref}", { params: { path: { ref } } })).catch(() => undefined)));
    this.list = merge(this.list, fresh.filter((v) => v !== undefined));
  });

  setTyping(id: string, active: boolean) {
    const typing = new Set(this.typing);
    if (active) typing.add(id);
    else typing.delete(id);
    this.typing = typing;
  }

  async markRead(id: string, upTo: string) {
    await ask(api.PUT("/conversations/{ref}/read", { params: { path: { ref: id } }, body: { up_to: upTo } }));
    await this.touch(id);
  }

  // tellTyping is a courtesy: nobody need know that it failed.
  async tellTyping(id: string, active: boolean) {
    await api.PUT("/conversations/{ref}/typing", { params: { path: { ref: id } }, body: { active } }).catch(() => {});
  }
}

const empty = (c: Contact): Conversation => ({ id: c.conversation, with: c, unread: 0, typing: false });

// merge puts conversations as they are now into the list: one in which
// something new was said goes to the front.
export function merge(list: readonly Conversation[], fresh: readonly Conversation[]): readonly Conversation[] {
  let next = [...list];
  for (const v of fresh) {
    const i = next.findIndex((old) => old.id === v.id);
    const moved = v.last && next[i]?.last?.id !== v.last.id;
    if (i >= 0 && !moved) {
      next[i] = v;
      continue;
    }
    if (i >= 0) next.splice(i, 1);
    next.unshift(v);
  }
  return next;
}

export const conversations = new Conversations();
