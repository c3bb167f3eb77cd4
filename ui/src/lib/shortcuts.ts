// Keys that work everywhere on the page. Those of a field or list are handled
// there.

import { conversations } from "./conversations.svelte";
import { nav } from "./nav.svelte";

const typing = (e: KeyboardEvent) => e.target instanceof HTMLElement && e.target.matches("input, textarea, select");

export function shortcut(e: KeyboardEvent) {
  if (e.defaultPrevented || e.isComposing) return;
  const control = e.ctrlKey || e.metaKey;
  if (control && !e.altKey && e.key.toLowerCase() === "k") search(undefined);
  else if (control && !e.altKey && e.key.toLowerCase() === "f" && nav.conversation && !nav.dialog) search(nav.conversation);
  else if (e.altKey && !control && (e.key === "ArrowDown" || e.key === "ArrowUp")) step(e.key === "ArrowDown" ? 1 : -1);
  else if (e.key === "?" && !typing(e) && !nav.dialog) nav.dialog = { kind: "shortcuts" };
  else if (e.key === "Escape" && !nav.dialog && nav.search) nav.search = undefined;
  else return;
  e.preventDefault();
}

export function search(within: string | undefined) {
  nav.dialog = undefined;
  nav.search = { within };
}

function step(by: number) {
  const rows = nav.archived ? conversations.archived : conversations.rows;
  const at = rows.findIndex((v) => v.id === nav.conversation);
  const next = rows[at < 0 ? 0 : at + by];
  if (next) nav.open(next.id);
}
