// What is said in one conversation. Only a window of the history is held: up
// to `most` messages, which moves as one scrolls, so a conversation of 100,000
// costs no more than one of 400.

import { api, ask, type Message, type Receipt } from "./api";
import { once } from "./once";

const page = 50;
export const most = 400;

const one = (id: string) => ({ params: { path: { id } } });

export class History {
  // Oldest first, without a hole.
  list = $state.raw<readonly Message[]>([]);
  loaded = $state(false);
  older = $state(false); // there may be earlier ones than the first
  newer = $state(false); // there are later ones than the last
  // wanted is a message to bring into view, once.
  wanted = $state<string>();

  #quotes = new Map<string, Promise<Message | undefined>>();
  // Changes that came while a page was loading, which may be older than them.
  #taken = new Map<string, Message>();

  constructor(readonly conversation: string) {}

  #get(query: { before?: string; after?: string; limit?: number }) {
    return ask(api.GET("/conversations/{ref}/messages", { params: { path: { ref: this.conversation }, query } })).then((list) => list ?? []);
  }

  // toEnd shows the newest page.
  async toEnd() {
    const fresh = await this.#get({ limit: page });
    this.list = fresh;
    this.older = fresh.length === page;
    this.newer = false;
    this.loaded = true;
  }

  loadOlder = once(async () => {
    const first = this.list[0];
    if (!first || !this.older) return;
    const fresh = await this.#get({ before: first.id, limit: page });
    if (this.list[0]?.id !== first.id) return;
    const all = [...fresh, ...this.list];
    this.older = fresh.length === page;
    this.newer ||= all.length > most;
    this.list = all.slice(0, most);
  });

  loadNewer = once(async () => {
    const last = this.list.at(-1);
    if (!last || !this.newer) return;
    const fresh = await this.#get({ after: last.id, limit: page });
    if (this.list.at(-1)?.id !== last.id) return;
    const all = [...this.list, ...fresh];
    this.newer = fresh.length === page;
    this.older ||= all.length > most;
    this.list = all.slice(-most);
  });

  // jump brings a message into view, wherever in the history it is.
  async jump(id: string) {
    if (!this.list.some((m) => m.id === id)) {
      const [before, message, after] = await Promise.all([
        this.#get({ before: id, limit: page }),
        ask(api.GET("/messages/{id}", one(id))),
        this.#get({ after: id, limit: page }),
      ]);
      this.list = [...before, message, ...after];
      this.older = before.length === page;
      this.newer = after.length === page;
      this.loaded = true;
    }
    this.wanted = id;
  }

  // refresh loads again what is held, and what was said since.
  refresh = once(async () => {
    const first = this.list[0];
    if (!first) return this.toEnd();
    const limit = Math.min(500, this.list.length + page);
    this.#taken.clear();
    const fresh = await this.#get({ after: first.id, limit });
    const now = this.list[0];
    if (now?.id !== first.id) return;
    this.newer = fresh.length === limit;
    const all = keep(this.list, [now, ...fresh.map((m) => this.#taken.get(m.id) ?? m)]);
    this.older ||= all.length > most;
    this.list = all.length > most && !this.newer ? all.slice(-most) : all;
  });

  // take is told of a message that is new or has changed.
  async take(m: Message) {
    const i = this.list.findIndex((old) => old.id === m.id);
    this.#quotes.delete(m.id);
    this.#taken.set(m.id, m);
    if (i >= 0) this.list = this.list.with(i, m);
    else if (!this.newer) await this.refresh(); // only the node knows its place
  }

  // find gives a message that another one answers.
  find(id: string): Promise<Message | undefined> {
    const held = this.list.find((m) => m.id === id);
    if (held) return Promise.resolve(held);
    let quote = this.#quotes.get(id);
    if (!quote) {
      quote = ask(api.GET("/messages/{id}", one(id))).catch(() => undefined);
      this.#quotes.set(id, quote);
    }
    return quote;
  }
}

// keep takes over the objects of messages that did not change, so that nothing
// is drawn again that is the same.
export function keep(old: readonly Message[], fresh: readonly Message[]): Message[] {
  const byID = new Map(old.map((m) => [m.id, m]));
  return fresh.map((m) => {
    const before = byID.get(m.id);
    return before && JSON.stringify(before) === JSON.stringify(m) ? before : m;
  });
}

export const messages = {
  async send(to: string[], text: string): Promise<Message[]> {
    return (await ask(api.POST("/messages", { body: { to, text } }))) ?? [];
  },
  async reply(id: string, text: string): Promise<void> {
    await ask(api.POST("/messages/{id}/replies", { ...one(id), body: { text } }));
  },
  edit: (id: string, text: string) => ask(api.PATCH("/messages/{id}", { ...one(id), body: { text } })),
  remove: (id: string) => ask(api.DELETE("/messages/{id}", one(id))),
  react: (id: string, emoji: string) => ask(api.PUT("/messages/{id}/reaction", { ...one(id), body: { emoji } })),
  receipts: async (id: string): Promise<Receipt[]> => (await ask(api.GET("/messages/{id}/receipts", one(id)))) ?? [],
  lastOwn: (ref: string) => ask(api.GET("/conversations/{ref}/last-own", { params: { path: { ref } } })),
  search: async (words: string, within?: string): Promise<Message[]> =>
    (await ask(api.GET("/messages", { params: { query: { words, in: within, limit: 100 } } }))) ?? [],
};
