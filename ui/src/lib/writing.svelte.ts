// What is being written in the open conversation: a message, an answer to one,
// or a change of one. A draft survives everything; a change does not.

import type { Conversation, Message } from "./api";
import { loadDraft, saveDraft } from "./drafts";
import { messages, type History } from "./messages.svelte";

export class Writing {
  text = $state("");
  reply = $state.raw<Message>();
  edit = $state.raw<Message>();
  busy = $state(false);
  #before = ""; // what was in the field before a change began

  constructor(readonly conversation: string, readonly history: History) {
    const draft = loadDraft(conversation);
    this.text = draft.text;
    if (draft.reply) void history.find(draft.reply).then((m) => (this.reply ??= m));
  }

  // save keeps the draft. What is on its way is still one, until the node has it.
  save() {
    if (this.busy || this.edit) return;
    saveDraft(this.conversation, { text: this.text, reply: this.reply?.id });
  }

  answer(m: Message) {
    this.stop();
    this.reply = m;
  }

  change(m: Message) {
    this.stop();
    this.#before = this.text;
    this.edit = m;
    this.text = m.text;
  }

  // stop ends an answer or a change; the text of a draft stays.
  stop() {
    if (this.edit) this.text = this.#before;
    this.edit = undefined;
    this.reply = undefined;
  }

  // send hands over what is in the field. If that fails, it is there again.
  async send(to: Conversation["with"]) {
    const { text, reply, edit } = this;
    if (!text.trim() || this.busy) return;
    this.save();
    this.busy = true;
    this.text = edit ? this.#before : "";
    this.edit = this.reply = undefined;
    try {
      if (edit) {
        if (edit.text !== text) await this.history.take(await messages.edit(edit.id, text));
      } else if (reply) await messages.reply(reply.id, text);
      else await messages.send([to.account], text);
    } catch (failure) {
      if (edit) {
        this.#before = this.text;
        this.text = text;
      } else this.text = this.text ? `${text}\n${this.text}` : text;
      [this.reply, this.edit] = [reply, edit];
      throw failure;
    } finally {
      this.busy = false;
      this.save();
    }
    if (!edit) await (this.history.newer ? this.history.toEnd() : this.history.refresh());
  }
}
