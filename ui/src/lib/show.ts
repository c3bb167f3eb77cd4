// What a click on something shared does: it is shown, if it can be.

import type { Message } from "./api";
import { files, here, transferOf } from "./files.svelte";
import { kindOf } from "./media";
import { nav } from "./nav.svelte";
import { go, step } from "./standing";

// show opens the viewer for a kind. What has none is fetched, or paused, and
// once it is here opened by the system's program.
export async function show(m: Message): Promise<void> {
  const kind = kindOf(m);
  if (kind === "picture" || kind === "film") nav.dialog = { kind: "gallery", message: m };
  else if (kind === "pdf" || kind === "text") nav.dialog = { kind: "reader", message: m };
  else if (here(m) || transferOf(m)?.own) await files.launch(m);
  else await move(m);
}

// move takes a transfer one step on.
export async function move(m: Message): Promise<void> {
  const t = transferOf(m);
  const next = t && step(t);
  if (next) await go[next](m);
}
