// The keys by which one is recognised, and how far each can be relied on.

import { api, ask, type Key } from "./api";
import type { Light } from "./status.svelte";

export type KeyState = Key["state"];

// Colours and shapes as those of connections: full disc, ring, cross.
export const keyLight: Record<KeyState, Light> = { intact: "connected", waiting: "connecting", refused: "disconnected" };

export const keys = {
  list: async (): Promise<Key[]> => (await ask(api.GET("/keys"))) ?? [],
};
