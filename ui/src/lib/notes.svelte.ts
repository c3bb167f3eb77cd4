// What happened to a sphere, in words.

import { i18n } from "../i18n/index.svelte";
import type { Message } from "./api";
import { clock } from "./clock.svelte";
import { self } from "./me.svelte";
import { day, hour, sameDay } from "./time";

export function noteWords(m: Message): string {
  const note = m.note!;
  const by = m.mine ? undefined : m.from_name;
  const whom = note.subject === self.me?.account ? undefined : (note.subject_name ?? "");
  const t = i18n.t.notes;
  const name = note.name ?? "";
  switch (note.change) {
    case "creation":
    case "description":
      return t[note.change](by, name);
    case "departure":
      return t.departure(by);
    case "muting":
      return note.until ? t.muting(by, whom, moment(note.until)) : t.unmuting(by, whom);
    default:
      return t[note.change](by, whom);
  }
}

// moment is an hour, with the day if that is not today.
export function moment(time: string): string {
  const at = hour(i18n.tag, time);
  return sameDay(time, new Date(clock.now).toISOString()) ? at : `${day(i18n.tag, time, clock.now)} ${at}`;
}
