// The choice of whom to mention, while "@" and the beginning of a name is typed.

import { conversations } from "./conversations.svelte";
import { asked, offered, type Asked, type Person } from "./mentions";

export class Naming {
  #members: () => readonly Person[] = () => [];
  asked = $state.raw<Asked>();
  #at = $state(0);
  #refused = -1; // the place of an "@" that is meant as one

  // Other people in the order in which one spoke with them.
  #others = $derived.by(() => conversations.rows.flatMap((v) => v.with ?? []).filter((c) => c.relation === "accepted" || c.relation === "asked"));
  options = $derived(this.asked ? offered(this.asked.part, this.#members(), this.#others) : []);
  open = $derived(this.options.length > 0);
  at = $derived(Math.min(this.#at, this.options.length - 1));
  current = $derived(this.options[this.at]);

  constructor(members: () => readonly Person[]) {
    this.#members = members;
  }

  // look finds out whether a name is being typed before the caret.
  look(field: HTMLTextAreaElement) {
    const now = field.selectionStart === field.selectionEnd ? asked(field.value, field.selectionStart) : undefined;
    if (now?.from !== this.#refused) this.#refused = -1;
    if (now?.part !== this.asked?.part) this.#at = 0;
    this.asked = now && now.from !== this.#refused ? now : undefined;
  }

  move(by: number) {
    this.#at = (this.at + by + this.options.length) % this.options.length;
  }

  // refuse closes the list, until another name is begun.
  refuse() {
    this.#refused = this.asked?.from ?? -1;
    this.asked = undefined;
  }

  end() {
    this.asked = undefined;
  }
}
