// How a transfer stands, in words, and what a click on it does.

import { i18n } from "../i18n/index.svelte";
import type { Kept, Message, Transfer } from "./api";
import { files, onItsWay, part } from "./files.svelte";
import { size } from "./size";
import { full, span } from "./time";

export const bytes = (n: number) => size(i18n.tag, n);
export const speed = (n: number) => i18n.t.files.speed(bytes(n));
export const percent = (n: number) => new Intl.NumberFormat(i18n.tag, { style: "percent" }).format(Math.floor(n * 100) / 100);

// standing is one line; whole is the size of all that is shared.
export function standing(t: Transfer, whole: number): string {
  const f = i18n.t.files;
  const done = percent(part(t));
  switch (t.state) {
    case "none":
      return bytes(whole);
    case "fetching": {
      const names = [...new Set(t.from.filter((c) => c.down > 0).map((c) => c.name))].slice(0, 3).join(", ");
      return [done, speed(t.down), t.left_s !== undefined && f.left(span(t.left_s)), names && f.from(names)].filter(Boolean).join(" · ");
    }
    case "checking":
      return `${f.states.checking} · ${done}`;
    case "paused":
      return `${f.states.paused} · ${f.of(bytes(t.done), bytes(t.total))}`;
    case "waiting":
    case "queued":
      return `${reason(t)} · ${t.done > 0 ? f.of(bytes(t.done), bytes(t.total)) : bytes(t.total || whole)}`;
    case "partial":
      return `${f.states.partial} · ${f.of(bytes(t.done), bytes(whole))}`;
    case "complete":
      return t.up > 0 ? `${bytes(whole)} · ${f.giving(speed(t.up))}` : bytes(whole);
    default:
      return reason(t);
  }
}

// reason is why it waits or failed, as the node says it.
export const reason = (t: Transfer) => (t.reason ? sentence(t.reason) : i18n.t.files.states[t.state]);

// keeping is how something shared stands at a hub that keeps it.
export function keeping(k: Kept): string {
  const f = i18n.t.files;
  if (k.until) return f.keptUntil(k.hub, full(i18n.tag, k.until));
  if (k.reason) return `${k.hub}: ${sentence(k.reason)}`;
  return f.keptPart(k.hub, percent(k.size > 0 ? k.have / k.size : 0));
}

// sentence is what the node says, in the language of the page.
export const sentence = (text: string) => i18n.sentence(text);

export const inTrouble = (t: Transfer) => ["full", "missing", "changed", "failed"].includes(t.state);

export type Step = "fetch" | "pause" | "resume" | "retry";

// step is what moves a transfer on from where it stands.
export function step(t: Transfer): Step | undefined {
  if (t.state === "paused") return "resume";
  if (t.own && t.state !== "missing" && t.state !== "changed") return undefined;
  if (t.state === "none") return "fetch";
  if (onItsWay(t)) return "pause";
  return inTrouble(t) ? "retry" : undefined;
}

export const go: Record<Step, (m: Message) => Promise<Message>> = {
  fetch: (m) => files.fetch(m),
  pause: files.pause,
  resume: files.resume,
  retry: (m) => files.fetch(m),
};
