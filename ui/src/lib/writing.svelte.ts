// What is being written in the open conversation: a message, an answer to one,
// or a change of one. A draft survives everything; a change does not.

import type { Draft, Mention, Message } from "./api";
import { drafts, isEmpty, none, same } from "./drafts.svelte";
import { inText, words, type Person } from "./mentions";
import { messages, type History } from "./messages.svelte";

interface Before {
  text: string;
  chosen: readonly Mention[];
  reply: Message | undefined;
}

export class Writing {
  text = $state("");
  reply = $state.raw<Message>();
  edit = $state.raw<Message>();
  busy = $state(false);
  // Whom the text may mention; those that were deleted from it again count no more.
  #chosen: readonly Mention[] = [];
  // What was being written before a change began.
  #before: Before = { text: "", chosen: [], reply: undefined };
  #kept: Draft = none; // the draft as it was last kept, or came from elsewhere
  #reply: string | undefined; // that the draft has, while it is loading

  constructor(readonly conversation: string, readonly history: History) {
    this.#show(drafts.of(conversation));
  }

  #show(draft: Draft) {
    this.#kept = draft;
    this.text = draft.text;
    this.#chosen = draft.mentions ?? [];
    this.#reply = draft.reply_to;
    if (this.reply?.id !== draft.reply_to) this.reply = undefined;
    if (draft.reply_to && !this.reply) {
      void this.history.find(draft.reply_to).then((m) => {
        if (!m || this.#reply !== m.id) return;
        this.#reply = undefined;
        if (this.edit) this.#before.reply ??= m;
        else this.reply ??= m;
      });
    }
  }

  get #draft(): Draft {
    const mentions = inText(this.text, this.#chosen);
    return { text: this.text, reply_to: this.reply?.id ?? this.#reply, ...(mentions.length && { mentions }) };
  }

  // save keeps the draft. What is on its way is still one, until the node has it.
  save() {
    if (this.busy || this.edit) return;
    this.#kept = this.#draft;
    drafts.put(this.conversation, this.#kept);
  }

  // adopt shows a draft that was written elsewhere, unless one writes here too.
  adopt(draft: Draft) {
    if (this.busy || this.edit || !same(this.#draft, this.#kept) || same(draft, this.#kept)) return;
    this.#show(draft);
  }

  // mention puts somebody in the place of what was typed from `from` to `to`,
  // and says where the caret goes.
  mention(c: Person, from: number, to: number): number {
    const own = words(c);
    const before = inText(this.text.slice(0, from), this.#chosen).length;
    const now = inText(this.text, this.#chosen);
    this.#chosen = now.toSpliced(before, 0, { account: c.account, text: own });
    const after = this.text.slice(to);
    this.text = `${this.text.slice(0, from)}${own}${/^\s/.test(after) ? "" : " "}${after}`;
    return from + own.length + 1;
  }

  answer(m: Message) {
    if (this.edit) this.stop();
    this.reply = m;
  }

  change(m: Message) {
    if (this.edit) this.stop();
    this.#before = { text: this.text, chosen: this.#chosen, reply: this.reply };
    this.reply = undefined;
    this.edit = m;
    this.text = m.text;
    this.#chosen = m.mentions;
  }

  // stop ends a change, and what was being written before is back; or it ends
  // an answer, and the text of the draft stays.
  stop() {
    if (this.edit) this.#restore();
    else this.reply = this.#reply = undefined;
  }

  // leave keeps everything but a change.
  leave() {
    if (this.edit) this.#restore();
    this.save();
  }

  #restore() {
    this.edit = undefined;
    [this.text, this.#chosen, this.reply] = [this.#before.text, this.#before.chosen, this.#before.reply];
  }

  // send hands over what is in the field. If that fails, it is there again.
  async send(to: string) {
    const { text, reply, edit } = this;
    if (!text.trim() || this.busy) return;
    const chosen = this.#chosen;
    const mentions = inText(text, chosen);
    this.save();
    this.busy = true;
    if (edit) this.#restore();
    else {
      [this.text, this.#chosen] = ["", []];
      this.reply = this.#reply = undefined;
    }
    try {
      if (edit) {
        if (edit.text !== text || mentions.length !== edit.mentions.length) await this.history.take(await messages.edit(edit.id, text, mentions));
      } else if (reply) await messages.reply(reply.id, text, mentions);
      else await messages.send([to], text, mentions);
    } catch (failure) {
      if (edit) {
        this.change(edit);
        [this.text, this.#chosen] = [text, chosen];
      } else {
        this.text = this.text ? `${text}\n${this.text}` : text;
        this.#chosen = [...chosen, ...this.#chosen];
        this.reply = reply;
      }
      throw failure;
    } finally {
      this.busy = false;
      this.save();
    }
    if (edit) return;
    if (isEmpty(this.#kept)) drafts.flush(); // or another window would still show what was sent
    await this.history.follow();
  }
}
