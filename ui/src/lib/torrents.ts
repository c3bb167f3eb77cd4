// Ordinary torrents, which are passed on as they are.

import { api, ask, type Message, type Torrent } from "./api";
import { base64 } from "./base64";
import { files } from "./files.svelte";

// passOn takes a magnet link or a file that describes a torrent.
export async function passOn(conversation: string, what: string | File, caption: string): Promise<Message> {
  const body = typeof what === "string" ? { magnet: what, caption } : { torrent: await base64(what), caption };
  return files.take(await ask(api.POST("/conversations/{ref}/torrents", { params: { path: { ref: conversation } }, body })));
}

export async function setOptions(m: Message, body: Torrent["options"]) {
  files.take(await ask(api.PUT("/files/{id}/torrent", { params: { path: { id: m.id } }, body })));
}
