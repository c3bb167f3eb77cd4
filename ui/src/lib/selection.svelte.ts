// The messages that are selected in the open conversation, to do something with
// all of them.

import { getContext, setContext } from "svelte";
import type { Message } from "./api";
import { compare, messages, type History } from "./messages.svelte";
import { shared } from "./summary";

export class Selection {
  // By ID. A message stays selected when it is scrolled out of the window.
  #chosen = $state.raw<ReadonlyMap<string, Message>>(new Map());
  active = $state(false);
  #from: string | undefined; // where a range begins

  constructor(readonly history: History) {}

  // list are those selected, as they are now, in the order of the conversation.
  list = $derived.by(() => {
    if (!this.#chosen.size) return [];
    const held = new Map(this.history.list.map((m) => [m.id, m]));
    const now = [...this.#chosen.values()].map((m) => held.get(m.id) ?? m);
    return now.filter((m) => !m.deleted).sort(compare);
  });
  mine = $derived(this.list.filter((m) => m.mine));

  has(id: string): boolean {
    return this.#chosen.has(id);
  }

  // toggle selects a message, or leaves it out again.
  toggle(id: string) {
    const m = this.history.list.find((m) => m.id === id);
    if (!m || m.deleted || m.note) return;
    const chosen = new Map(this.#chosen);
    if (!chosen.delete(id)) chosen.set(id, m);
    this.#from = id;
    this.#chosen = chosen;
    this.active = this.list.length > 0;
  }

  // extend selects all from the last one that was toggled to this one.
  extend(id: string) {
    const list = this.history.list;
    const [a, b] = [list.findIndex((m) => m.id === this.#from), list.findIndex((m) => m.id === id)];
    if (a < 0 || b < 0) return this.toggle(id);
    const range = list.slice(Math.min(a, b), Math.max(a, b) + 1).filter((m) => !m.deleted && !m.note);
    this.#chosen = new Map([...this.#chosen, ...range.map((m) => [m.id, m] as const)]);
    this.active = this.list.length > 0;
  }

  end() {
    this.active = false;
    this.#chosen = new Map();
    this.#from = undefined;
  }

  // asText is everything selected to be pasted elsewhere: who, when, what.
  asText(you: string, when: (sent: string) => string): string {
    return this.list.map((m) => `${m.mine ? you : m.from_name}, ${when(m.sent)}\n${[shared(m), m.text].filter(Boolean).join("\n")}`).join("\n\n");
  }

  // remove takes back one's own. What failed stays selected.
  async remove() {
    for (const m of this.mine) {
      await this.history.take(await messages.remove(m.id));
      const chosen = new Map(this.#chosen);
      chosen.delete(m.id);
      this.#chosen = chosen;
    }
    this.end();
  }
}

// The selection of a conversation is there for all components inside of it.
const key = Symbol("selection");
export const offerSelection = (s: Selection) => setContext(key, s);
export const useSelection = () => getContext<Selection | undefined>(key);
