// STUN and TURN servers as lines of text: URL, and for TURN a name and a
// password. The node checks them.

import type { ICEServer } from "./api";

export const iceLines = (list: readonly ICEServer[]) => list.map((s) => [s.url, s.username, s.password].filter(Boolean).join(" ")).join("\n");

export function parseIceLines(text: string): ICEServer[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const [url = "", username, ...rest] = line.split(/\s+/);
    const password = rest.join(" ");
    return { url, ...(username && { username }), ...(password && { password }) };
  });
}
