// Where one is: the conversation that is open, which the address holds so that
// "back" works, the search, and the dialog on top.

import type { Message } from "./api";
import { History } from "./messages.svelte";
import type { Held, Picked } from "./picked";
import type { Writing } from "./writing.svelte";

export type Dialog =
  | { kind: "invite" | "join" | "new-sphere" | "several" | "shortcuts" | "transfers" }
  | { kind: "settings"; page?: "network" }
  | { kind: "contact" | "offer"; account: string }
  | { kind: "sphere" | "sphere-invite"; id: string }
  | { kind: "connection"; account?: string }
  | { kind: "details" | "gallery" | "reader"; message: Message; number?: number }
  | { kind: "send"; conversation: string; name: string; picked: readonly Picked[]; things?: readonly Held[]; writing: Writing }
  | { kind: "send-torrent"; conversation: string; magnet?: string; file?: File; writing?: Writing }
  | { kind: "folder"; id: string }
  | { kind: "forward"; messages: readonly Message[]; done: () => void };

class Nav {
  conversation = $state<string>();
  history = $state.raw<History>();
  dialog = $state.raw<Dialog>();
  files = $state(false); // what was shared in it is shown in place of what was said
  archived = $state(false); // the list is that of the archive
  // The search is open if it is set; within is a conversation.
  search = $state.raw<{ within?: string }>();
  // trouble is what went wrong last, to be shown.
  trouble = $state("");

  follow() {
    const [, archived, id, files] = /^#\/(archived\/?)?(?:c\/([a-z2-7]+)(\/files)?)?$/.exec(location.hash) ?? [];
    this.archived = !!archived;
    this.files = !!files;
    if (id === this.conversation) return;
    this.conversation = id;
    this.history = id ? new History(id) : undefined;
  }

  open(id: string | undefined) {
    this.dialog = undefined;
    if (id !== this.conversation || this.files) this.#go(id, this.archived);
  }

  // showFiles goes to what was shared in the conversation, or back to what was said.
  showFiles(files: boolean) {
    if (files !== this.files) this.#go(this.conversation, this.archived, files);
  }

  // list shows the list, or the archive, beside what is open.
  list(archived: boolean) {
    this.#go(this.conversation, archived, this.files);
  }

  #go(id: string | undefined, archived: boolean, files = false) {
    location.hash = `#/${archived ? "archived/" : ""}${id ? `c/${id}${files ? "/files" : ""}` : ""}`;
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
