// Where one is: the conversation that is open, which the address holds so that
// "back" works, the search, and the dialog on top.

import type { Message } from "./api";
import { History } from "./messages.svelte";

export type Dialog =
  | { kind: "invite" | "join" | "new-sphere" | "several" | "settings" | "shortcuts" }
  | { kind: "contact" | "offer"; account: string }
  | { kind: "sphere" | "sphere-invite"; id: string }
  | { kind: "connection"; account?: string }
  | { kind: "details"; message: Message }
  | { kind: "forward"; messages: readonly Message[]; done: () => void };

class Nav {
  conversation = $state<string>();
  history = $state.raw<History>();
  dialog = $state.raw<Dialog>();
  archived = $state(false); // the list is that of the archive
  // The search is open if it is set; within is a conversation.
  search = $state.raw<{ within?: string }>();
  // trouble is what went wrong last, to be shown.
  trouble = $state("");

  follow() {
    const [, archived, id] = /^#\/(archived\/?)?(?:c\/([a-z2-7]+))?$/.exec(location.hash) ?? [];
    this.archived = !!archived;
    if (id === this.conversation) return;
    this.conversation = id;
    this.history = id ? new History(id) : undefined;
  }

  open(id: string | undefined) {
    this.dialog = undefined;
    if (id !== this.conversation) this.#go(id, this.archived);
  }

  // list shows the list, or the archive, beside what is open.
  list(archived: boolean) {
    this.#go(this.conversation, archived);
  }

  #go(id: string | undefined, archived: boolean) {
    location.hash = `#/${archived ? "archived/" : ""}${id ? `c/${id}` : ""}`;
    this.follow();
  }

  // jump opens a message's conversation at its place.
  async jump(m: Message) {
    this.open(m.conversation);
    if (matchMedia("(max-width: 720px)").matches) this.search = undefined;
    await this.attempt(() => this.history!.jump(m.id));
  }

  // attempt does something and shows why it failed.
  async attempt(work: () => unknown): Promise<boolean> {
    try {
      await work();
      this.trouble = "";
      return true;
    } catch (failure) {
      this.trouble = failure instanceof Error ? failure.message : String(failure);
      return false;
    }
  }
}

export const nav = new Nav();
