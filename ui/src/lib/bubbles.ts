// How messages stand together: by day, and in groups of one author.

import type { Message } from "./api";
import { sameDay } from "./time";

export interface Entry {
  message: Message;
  newDay: boolean; // the first of its day
  first: boolean; // of its group
  last: boolean;
}

const together = 5 * 60_000;

function joined(a: Message | undefined, b: Message | undefined): boolean {
  if (!a || !b || a.from !== b.from) return false;
  const apart = Math.abs(new Date(b.sent).getTime() - new Date(a.sent).getTime());
  return apart < together && sameDay(a.sent, b.sent);
}

export function entries(list: readonly Message[]): Entry[] {
  return list.map((message, i) => {
    const before = list[i - 1];
    return {
      message,
      newDay: !before || !sameDay(before.sent, message.sent),
      first: !joined(before, message),
      last: !joined(message, list[i + 1]),
    };
  });
}
