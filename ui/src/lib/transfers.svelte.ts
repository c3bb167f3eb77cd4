// Everything that is being fetched or handed on, in its order, and the settings
// for it.

import { api, ask, type Limits, type Message, type Transfers as View, type TransferSettings } from "./api";
import { files, onItsWay, transferOf } from "./files.svelte";
import { once } from "./once";

const pause = 400; // ms; what begins within costs one request

class Transfers {
  list = $state.raw<readonly Message[]>([]);
  settings = $state.raw<TransferSettings>();
  now = $state.raw<Limits>({ down: 0, up: 0 }); // the limits of this hour
  coming = $derived(this.list.filter((m) => onItsWay(transferOf(m)))); // in their order
  down = $derived(sum(this.coming, "down"));
  up = $derived(sum(this.list, "up"));

  constructor() {
    files.listen({ changed: (m) => this.take(m), reset: () => void this.load().catch(() => {}) });
  }

  load = once(async () => {
    const all: View = await ask(api.GET("/transfers"));
    [this.list, this.settings, this.now] = [all.messages ?? [], all.settings, all.now];
  });

  #soon = once(async () => {
    await new Promise((done) => setTimeout(done, pause));
    await this.load();
  });

  // take is told of a share that has changed. Where a new one stands in the
  // order the node knows.
  take(m: Message) {
    const i = this.list.findIndex((held) => held.id === m.id);
    const t = transferOf(m);
    if (i >= 0) {
      const before = transferOf(this.list[i]!);
      this.list = m.deleted ? this.list.toSpliced(i, 1) : this.list.with(i, m);
      if (onItsWay(before) && !onItsWay(t)) this.#soon().catch(() => {});
    } else if (onItsWay(t) || (t?.up ?? 0) > 0) this.#soon().catch(() => {});
  }

  // move puts one of those that are coming at another place among them.
  async move(m: Message, to: number) {
    const others = this.coming.filter((other) => other.id !== m.id);
    const next = others[to];
    const rest = this.list.filter((other) => !this.coming.includes(other));
    this.list = [...others.slice(0, to), m, ...others.slice(to), ...rest]; // as it will be
    await files.move(m, next?.id ?? "").finally(() => this.load());
  }

  async pauseAll() {
    for (const m of this.coming) await files.pause(m);
  }

  async resumeAll() {
    for (const m of this.list) if (transferOf(m)?.state === "paused") await files.resume(m);
  }

  async set(change: Partial<TransferSettings>) {
    if (!this.settings) await this.load();
    this.settings = await ask(api.PUT("/transfers/settings", { body: { ...this.settings!, ...change } }));
    await this.load();
  }
}

const sum = (list: readonly Message[], way: "down" | "up") => list.reduce((all, m) => all + (transferOf(m)?.[way] ?? 0), 0);

export const transfers = new Transfers();
