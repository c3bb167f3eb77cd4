// What is said in one conversation. Only a window of the history is held: up
// to `most` messages, which moves as one scrolls, so a conversation of 100,000
// costs no more than one of 400.

import { api, ask, type Mention, type Message, type Receipt } from "./api";
import { once } from "./once";

const first = 50; // a page at first, which is to be there soon
const page = 100;
export const most = 400;
const quotes = 200; // that are remembered

const pause = 100; // ms; what happens within costs one request

const one = (id: string) => ({ params: { path: { id } } });

// A Wish is a message to bring into view: in the middle, at the top, or where
// one looks at the moment, which is some place that nothing is known of yet.
// "end" is the end, whatever the last message is by then.
export interface Wish {
  id?: string;
  where: "middle" | "top" | "here" | "end";
}

export class History {
  // Oldest first, without a hole.
  list = $state.raw<readonly Message[]>([]);
  loaded = $state(false);
  older = $state(false); // there may be earlier ones than the first
  newer = $state(false); // there are later ones than the last
  // How many there are before the first and after the last, as far as is known.
  before = $state(0);
  after = $state(0);
  // wish is what is to be brought into view, once.
  wish = $state.raw<Wish>();

  #quotes = new Map<string, Promise<Message | undefined>>();
  // Changes that came while messages were loading, which may be older than them.
  #taken = new Map<string, Message>();
  #working: Promise<unknown> | undefined;

  constructor(readonly conversation: string) {}

  // idle waits until nothing is loading.
  async idle() {
    while (this.#working) await this.#working;
  }

  // #alone changes the window after whatever else does.
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const run = (this.#working ?? Promise.resolve()).then(work);
    const done = run.then(() => {}, () => {}).then(() => {
      if (this.#working !== done) return;
      this.#working = undefined;
      this.#taken.clear();
    });
    this.#working = done;
    return run;
  }

  #get(query: { before?: string; after?: string; limit: number }) {
    return ask(api.GET("/conversations/{ref}/messages", { params: { path: { ref: this.conversation }, query } })).then((list) => list ?? []);
  }

  #position(query: { message?: string; since?: string; number?: number }) {
    return ask(api.GET("/conversations/{ref}/position", { params: { path: { ref: this.conversation }, query } }));
  }

  // #set puts a window in place. Only its last messages are kept if the newest
  // of them are wanted, else the first.
  #set(loaded: readonly Message[], keepLast: boolean) {
    // What was taken meanwhile may be among what was loaded, or not.
    let all: readonly Message[] = [...new Map(loaded.map((m) => [m.id, m])).values()].sort(compare);
    for (const m of this.#taken.values()) all = this.#placed(all, m) ?? all;
    const out = Math.max(0, all.length - most);
    if (keepLast) [this.list, this.older, this.before] = [all.slice(out), this.older || out > 0, this.before + out];
    else [this.list, this.newer, this.after] = [all.slice(0, most), this.newer || out > 0, this.after + out];
    this.before = this.older ? Math.max(1, this.before) : 0;
    this.after = this.newer ? Math.max(1, this.after) : 0;
    this.loaded = true;
  }

  // #count finds out how many there are around the window, which may move on
  // meanwhile. It is a courtesy.
  async #count(tries = 3): Promise<void> {
    const id = this.list[0]?.id;
    if (!id || (!this.older && !this.newer)) return;
    const found = await this.#position({ message: id }).catch(() => undefined);
    const at = this.list.findIndex((m) => m.id === id);
    if (found && at >= 0) {
      if (this.older) this.before = Math.max(1, found.before - at);
      if (this.newer) this.after = Math.max(1, found.after + 1 + at - this.list.length);
    } else if (found && tries > 1) await this.#count(tries - 1);
  }

  // begin shows the newest page, unless one goes somewhere else.
  async begin() {
    if (!this.loaded && !this.#working) await this.toEnd();
  }

  // toEnd shows the newest page.
  toEnd() {
    return this.#alone(() => this.#newest({ where: "end" }));
  }

  async #newest(wish?: Wish) {
    const fresh = await this.#get({ limit: first });
    [this.older, this.newer] = [fresh.length === first, false];
    this.before = Math.max(0, this.before + this.list.length + this.after - fresh.length);
    this.#set(fresh, true);
    if (wish) this.wish = wish;
    void this.#count();
  }

  // follow shows what was just sent.
  async follow() {
    if (this.newer) return this.toEnd();
    await this.loadNewer();
    this.wish = { where: "end" };
  }

  loadOlder = once(() =>
    this.#alone(async () => {
      const id = this.list[0]?.id;
      if (!id || !this.older) return;
      const fresh = await this.#get({ before: id, limit: page });
      this.older = fresh.length === page;
      this.before -= fresh.length;
      this.#set([...fresh, ...this.list], false);
    }),
  );

  loadNewer = once(() => this.#alone(() => this.#newer()));

  async #newer() {
    const id = this.list.at(-1)?.id;
    if (!id) return this.#newest();
    const fresh = await this.#get({ after: id, limit: page });
    this.newer = fresh.length === page;
    this.after -= fresh.length;
    this.#set([...this.list, ...fresh], true);
  }

  // jump brings a message into view, wherever in the history it is.
  jump(id: string, where: Wish["where"] = "middle") {
    return this.#alone(async () => {
      if (this.list.some((m) => m.id === id)) this.wish = { id, where };
      else await this.#around(id, where);
    });
  }

  async #around(id: string, where: Wish["where"]) {
    try {
      const [before, message, after, place] = await Promise.all([
        this.#get({ before: id, limit: first }),
        ask(api.GET("/messages/{id}", one(id))),
        this.#get({ after: id, limit: first }),
        this.#position({ message: id }),
      ]);
      [this.older, this.newer] = [before.length === first, after.length === first];
      [this.before, this.after] = [place.before - before.length, place.after - after.length];
      this.#set([...before, message, ...after], true);
      this.wish = { id, where }; // in one go with the window
    } catch (failure) {
      if (!this.loaded) await this.#newest(); // or nothing would be shown
      throw failure;
    }
  }

  // jumpTo brings a place into view: the first message since a time, or the one
  // before which there are so many.
  async jumpTo(place: { since: string } | { number: number }, where: Wish["where"] = "top") {
    const held = "number" in place ? this.list[place.number - this.before]?.id : undefined;
    await this.jump(held ?? (await this.#position(place)).message, where);
  }

  // refresh loads again what is held, and what was said since.
  refresh = once(() =>
    this.#alone(async () => {
      const id = this.list[0]?.id;
      if (!id) return this.#newest();
      const limit = Math.min(500, this.list.length + page);
      const [now, fresh] = await Promise.all([ask(api.GET("/messages/{id}", one(id))), this.#get({ after: id, limit })]);
      this.newer = fresh.length === limit;
      this.after = Math.max(0, this.after + this.list.length - 1 - fresh.length);
      this.#set(keep(this.list, [now, ...fresh]), !this.newer);
    }),
  );

  // refreshSoon does so for all who ask within a moment.
  refreshSoon = once(async () => {
    await new Promise((done) => setTimeout(done, pause));
    await this.refresh();
  });

  // take is told of a message that is new or has changed, and puts it in its
  // place.
  take(m: Message) {
    this.#quotes.delete(m.id);
    if (this.#working) this.#taken.set(m.id, m);
    if (!this.loaded && !this.list.length) return;
    const list = this.#placed(this.list, m);
    if (list) this.#set(list, !this.newer);
    else if (compare(this.list.at(-1)!, m) < 0) this.after++;
  }

  // amend is told of one of which only the transfer has changed.
  amend(m: Message) {
    if (this.#working) this.#taken.set(m.id, m);
    const at = this.list.findLastIndex((held) => held.id === m.id);
    if (at >= 0) this.list = this.list.with(at, m);
  }

  // #placed gives a window with a message in it, or nothing if it is one of
  // those before or after.
  #placed(list: readonly Message[], m: Message): readonly Message[] | undefined {
    const at = list.findLastIndex((held) => compare(held, m) <= 0);
    if (list[at]?.id === m.id) return list.with(at, m);
    if ((at < 0 && this.older) || (at === list.length - 1 && this.newer)) return undefined;
    return list.toSpliced(at + 1, 0, m);
  }

  // find gives a message that another one answers.
  find(id: string): Promise<Message | undefined> {
    const held = this.list.find((m) => m.id === id);
    if (held) return Promise.resolve(held);
    let quote = this.#quotes.get(id);
    if (!quote) {
      quote = ask(api.GET("/messages/{id}", one(id))).catch(() => undefined);
      this.#quotes.set(id, quote);
      if (this.#quotes.size > quotes) this.#quotes.delete(this.#quotes.keys().next().value!);
    }
    return quote;
  }
}

// compare tells in what order two messages of a conversation stand.
export function compare(a: Message, b: Message): number {
  return a.order - b.order || (a.id === b.id ? 0 : digits(a.id) < digits(b.id) ? -1 : 1);
}

// IDs are base32, in which the digits come after the letters.
const digits = (id: string) => id.replace(/[2-7]/g, (digit) => `{${digit}`);

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
  async send(to: string[], text: string, mentions: Mention[] = []): Promise<Message[]> {
    return (await ask(api.POST("/messages", { body: { to, text, mentions } }))) ?? [];
  },
  async reply(id: string, text: string, mentions: Mention[] = []): Promise<void> {
    await ask(api.POST("/messages/{id}/replies", { ...one(id), body: { text, mentions } }));
  },
  edit: (id: string, text: string, mentions: Mention[] = []) => ask(api.PATCH("/messages/{id}", { ...one(id), body: { text, mentions } })),
  remove: (id: string) => ask(api.DELETE("/messages/{id}", one(id))),
  react: (id: string, emoji: string) => ask(api.PUT("/messages/{id}/reaction", { ...one(id), body: { emoji } })),
  receipts: async (id: string): Promise<Receipt[]> => (await ask(api.GET("/messages/{id}/receipts", one(id)))) ?? [],
  lastOwn: (ref: string) => ask(api.GET("/conversations/{ref}/last-own", { params: { path: { ref } } })),
  search: async (words: string, within?: string): Promise<Message[]> =>
    (await ask(api.GET("/messages", { params: { query: { words, in: within, limit: 100 } } }))) ?? [],
};
