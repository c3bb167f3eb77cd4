// Tells of messages that arrive, and of what hubs say: to screen readers always,
// on the desktop if wanted and the page is not looked at.

import { i18n } from "../i18n/index.svelte";
import type { HubNotice, Message } from "./api";
import { lookedAt } from "./looking";
import { nav } from "./nav.svelte";
import { settings } from "./settings.svelte";
import { summary } from "./summary";

class Announcements {
  list = $state.raw<readonly { id: number; text: string }[]>([]);
  #next = 0;

  say(text: string) {
    this.list = [...this.list.slice(-4), { id: this.#next++, text }];
  }
}

export const announcements = new Announcements();

// seen are the messages that were told of: later notices are changes.
const seen = new Set<string>();
const oldest = 60_000;

export async function arrived(m: Message) {
  if (m.mine || m.note || m.deleted || m.edited || seen.has(m.id)) return;
  seen.add(m.id);
  // What was said long ago and comes only now would be a flood.
  if (Date.now() - new Date(m.sent).getTime() > oldest) return;
  const text = summary(m);
  announcements.say(i18n.t.chat.arrived(m.from_name, text));
  await show(m.from_name, text, m.conversation, () => nav.open(m.conversation));
}

// spoke tells what the moderator of a hub just said.
export async function spoke(notice: HubNotice) {
  const who = i18n.t.hubs.newsOf(notice.hub);
  announcements.say(`${who} ${notice.text}`);
  await show(who, notice.text, `hub ${notice.hub}`, () => {});
}

// show puts it on the desktop, one for each tag.
async function show(who: string, text: string, tag: string, open: () => void) {
  if (settings.notify === "off" || !("Notification" in window) || Notification.permission !== "granted") return;
  if (await lookedAt()) return;
  const n = new Notification(who, { body: settings.notify === "text" ? text : "", icon: "/icon-192.png", tag });
  n.onclick = () => {
    window.focus();
    open();
    n.close();
  };
}
