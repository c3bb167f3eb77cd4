// The conversations: those pinned, then the others, the latest first, and after
// them contacts with whom nothing was said yet. The archive is a list of its own.

import { api, ask, type Contact, type Conversation, type Draft, type Message, type Sphere } from "./api";
import { contacts } from "./contacts.svelte";
import { compare } from "./messages.svelte";
import { once } from "./once";
import { spheres } from "./spheres.svelte";

const first = 40; // fill the list as far as one sees it
const page = 1000;
const soon = 100; // ms; what happens within costs one request

class Conversations {
  list = $state.raw<readonly Conversation[]>([]);
  loaded = $state(false); // at least as far as one sees at first
  typing = $state.raw<ReadonlySet<string>>(new Set());

  // all are each with the contact, or the sphere, as it is now.
  all = $derived.by(() => {
    const rows = this.list.map(row);
    const known = new Set(this.list.map((v) => v.with?.account));
    const silent = rows.filter((v) => !v.last);
    for (const c of contacts.all.values()) if (!known.has(c.account)) silent.push(empty(c));
    const all = [...rows.filter((v) => v.last), ...this.#byName(silent)];
    return all.filter(shown);
  });
  byID = $derived(new Map(this.all.map((v) => [v.id, v])));
  // rows are what the list shows.
  rows = $derived([...this.all.filter((v) => v.pinned), ...this.all.filter((v) => !v.pinned && !v.archived)]);
  archived = $derived(this.all.filter((v) => v.archived));
  unread = $derived(this.list.reduce((sum, v) => sum + v.unread, 0));

  #stale = new Set<string>();
  #touched = new Set<string>(); // since it began to load
  #whole = false; // all were loaded at least once

  #get(query: { limit: number; after?: string; archived?: "true" | "false" }) {
    return ask(api.GET("/conversations", { params: { query } })).then((list) => list ?? []);
  }

  // begin loads what one sees first. It is not enough: see load.
  async begin() {
    const list = await this.#get({ limit: first, archived: "false" });
    if (!this.#whole && list.length) [this.list, this.loaded] = [merge(list, this.list), true];
  }

  // load loads all, by the page, since ten thousand are a lot for one breath.
  load = once(async () => {
    this.#touched.clear();
    const all = new Map<string, Conversation>();
    for (let after: string | undefined; ; ) {
      const some = await this.#get({ limit: page, after });
      for (const v of some) all.set(v.id, v);
      const last = some.length === page;
      if (!last || !this.#whole) {
        // What was loaded again meanwhile is newer.
        this.list = merge([...all.values()], this.list.filter((v) => this.#touched.has(v.id)));
        this.loaded = true;
      }
      if (!last) break;
      after = some.at(-1)!.id;
    }
    this.#whole = true;
    this.typing = new Set(this.list.filter((v) => v.typing).map((v) => v.id));
  });

  // touch loads one again, soon.
  touch(id: string) {
    this.#stale.add(id);
    return this.#refresh();
  }

  #refresh = once(async () => {
    await new Promise((done) => setTimeout(done, soon));
    const ids = [...this.#stale];
    this.#stale.clear();
    if (ids.length > 20) return this.load();
    const fresh = await Promise.all(ids.map((ref) => ask(api.GET("/conversations/{ref}", { params: { path: { ref } } })).catch(() => undefined)));
    this.#put(...fresh.filter((v) => v !== undefined));
  });

  // hear is told of a message that is new or has changed. How many are unread
  // is what the node says soon; that there is a new one shows at once.
  hear(m: Message) {
    const v = this.list.find((v) => v.id === m.conversation);
    const later = v?.last ? compare(v.last, m) : -1;
    if (v && later === 0) this.#put({ ...v, last: m });
    else if (v && later < 0) {
      const unread = m.mine || m.deleted || m.note || m.state === "read" ? 0 : 1;
      this.#put({ ...v, last: m, unread: v.unread + unread, mentioned: v.mentioned + (m.mentions_me ? unread : 0), archived: false });
    }
    return this.touch(m.conversation);
  }

  #put(...fresh: Conversation[]) {
    for (const v of fresh) {
      this.#touched.add(v.id);
      if (v.sphere) spheres.take(v.sphere);
    }
    this.list = merge(this.list, fresh);
  }

  // Sorting ten thousand names takes long, and they seldom change.
  #sorted: readonly { id: string; name: string }[] = [];
  #byName(rows: Conversation[]): Conversation[] {
    const byID = new Map(rows.map((v) => [v.id, v]));
    if (rows.length !== this.#sorted.length || !this.#sorted.every(({ id, name }) => byID.get(id)?.name === name)) {
      const order = new Intl.Collator().compare;
      this.#sorted = rows.map((v) => ({ id: v.id, name: v.name })).sort((a, b) => order(a.name, b.name));
    }
    return this.#sorted.map(({ id }) => byID.get(id)!);
  }

  // take puts one as the node now has it, without moving it.
  take(v: Conversation) {
    this.#touched.add(v.id);
    const i = this.list.findIndex((old) => old.id === v.id);
    if (i >= 0) this.list = v.pinned === this.list[i]!.pinned ? this.list.with(i, v) : placed(this.list.toSpliced(i, 1), v);
    else this.list = placed(this.list, v);
  }

  async pin(id: string, pinned: boolean) {
    this.take(await ask(api.PATCH("/conversations/{ref}", { params: { path: { ref: id } }, body: { pinned } })));
  }

  async archive(id: string, archived: boolean) {
    this.take(await ask(api.PATCH("/conversations/{ref}", { params: { path: { ref: id } }, body: { archived } })));
  }

  // keepDraft notes what the node was given to keep.
  keepDraft(id: string, draft: Draft | undefined) {
    const v = this.list.find((v) => v.id === id);
    if (v) this.take({ ...v, draft });
  }

  // typist is who began last to write in a conversation, as far as it was told.
  typist = $state.raw<ReadonlyMap<string, string>>(new Map());
  #typists = new Map<string, string[]>(); // all of them, the last at the end

  setTyping(id: string, active: boolean, from = "") {
    const others = from ? (this.#typists.get(id) ?? []).filter((a) => a !== from) : [];
    const now = active ? [...others, from] : others;
    this.#typists.set(id, now);
    this.typist = new Map(this.typist).set(id, now.at(-1) ?? "");
    const typing = new Set(this.typing);
    if (now.length) typing.add(id);
    else typing.delete(id);
    this.typing = typing;
  }

  async markRead(id: string, upTo: string) {
    await ask(api.PUT("/conversations/{ref}/read", { params: { path: { ref: id } }, body: { up_to: upTo } }));
    await this.touch(id);
  }

  // tellTyping is a courtesy: nobody need know that it failed. One is told after
  // the other, for an end that came before its beginning would not be one.
  tellTyping(id: string, active: boolean) {
    this.#telling = this.#telling.then(async () => {
      await api.PUT("/conversations/{ref}/typing", { params: { path: { ref: id } }, body: { active } }).catch(() => {});
    });
    return this.#telling;
  }
  #telling: Promise<void> = Promise.resolve();
}

// Rows that did not change are the same objects as before, so that nothing is
// drawn again, or made ten thousand times.
const rows = new WeakMap<Conversation, { other: Contact | Sphere | undefined; row: Conversation }>();
const silents = new WeakMap<Contact, Conversation>();

function row(v: Conversation): Conversation {
  const other = v.with ? (contacts.get(v.with.account) ?? (contacts.loaded ? undefined : v.with)) : spheres.get(v.id);
  const held = rows.get(v);
  if (held && held.other === other) return held.row;
  const row = v.with ? direct(v, v.with, other as Contact | undefined) : { ...v, sphere: (other as Sphere | undefined) ?? v.sphere, name: other?.name ?? v.name };
  rows.set(v, { other, row });
  return row;
}

function direct(v: Conversation, before: Contact, now: Contact | undefined): Conversation {
  const gone = before.relation === "fellow" ? before.relation : "removed";
  return { ...v, name: now?.name ?? v.name, with: now ?? { ...before, relation: gone } };
}

// shown says whether the list has it: a request, or an invitation that came in,
// has its own place.
function shown(v: Conversation): boolean {
  if (v.sphere) return v.sphere.state !== "invited";
  return v.with?.relation !== "asking" && (!!v.last || (v.with?.relation !== "removed" && v.with?.relation !== "fellow"));
}

function empty(c: Contact): Conversation {
  let held = silents.get(c);
  if (!held) silents.set(c, (held = { id: c.conversation, name: c.name, with: c, unread: 0, typing: false, pinned: false, archived: false, mentioned: 0 }));
  return held;
}

// placed puts a conversation where its last message belongs. The node knows
// better, for it has not only the authors' clocks, and says so when all is
// loaded again.
export function placed(list: readonly Conversation[], v: Conversation): readonly Conversation[] {
  const sent = v.last?.sent ?? "";
  const i = list.findIndex((other) => other.pinned === v.pinned && (other.last?.sent ?? "") < sent);
  return list.toSpliced(i < 0 ? list.length : i, 0, v);
}

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
