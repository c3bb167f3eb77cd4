// Passing on what was said or shared, as one's own.

import { i18n } from "../i18n/index.svelte";
import { api, ask, type Message } from "./api";
import { here, transferOf } from "./files.svelte";
import { titleOf } from "./media";
import { messages } from "./messages.svelte";
import { passOn } from "./torrents";

// forward gives the last message that it made. What is shared is shared again
// from where it lies on this device.
export async function forward(m: Message, to: readonly string[]): Promise<Message | undefined> {
  if (!m.file && !m.torrent) return (await messages.send([...to], m.text)).at(-1);
  const t = transferOf(m)!;
  if (m.file && !(t.path && (here(m) || t.own))) throw new Error(i18n.t.selection.notHere(titleOf(m)));
  let last: Message | undefined;
  for (const ref of to) {
    if (m.torrent) last = await passOn(ref, m.torrent.magnet, m.text);
    else last = (await ask(api.POST("/conversations/{ref}/files", { params: { path: { ref } }, body: { paths: [t.path!], caption: m.text } })))?.at(-1);
  }
  return last;
}
