// How messages stand together: by day, and in groups of one author.

import type { Message } from "./api";
import { dayNumber } from "./time";

export interface Entry {
  message: Message;
  newDay: boolean; // the first of its day
  first: boolean; // of its group
  last: boolean;
}

const together = 5 * 60_000;

// When a message was sent, and on which day here, is worked out once.
const times = new WeakMap<Message, { at: number; day: number }>();

function time(m: Message) {
  let held = times.get(m);
  if (!held) times.set(m, (held = { at: Date.parse(m.sent), day: dayNumber(new Date(m.sent)) }));
  return held;
}

// entries are those of the messages from one up to another.
export function entries(list: readonly Message[], from = 0, to = list.length): Entry[] {
  const all: Entry[] = [];
  let [before, previous] = [list[from - 1], undefined as Entry | undefined];
  for (let i = from; i <= to; i++) {
    const message = list[i];
    const newDay = !before || !message || time(before).day !== time(message).day;
    const joined = !!before && !!message && !newDay && !before.note && !message.note && before.from === message.from && Math.abs(time(message).at - time(before).at) < together;
    if (previous) previous.last = !joined;
    if (message && i < to) all.push((previous = { message, newDay, first: !joined, last: true }));
    before = message;
  }
  return all;
}
