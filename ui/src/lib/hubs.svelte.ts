// Hubs: helper servers, those of one's own list and those where contacts can be
// met. Their moderators may say something to those who use them.

import { i18n } from "../i18n/index.svelte";
import { api, ask, type Hub, type HubNotice } from "./api";
import { clock } from "./clock.svelte";
import { once } from "./once";
import type { Light } from "./status.svelte";
import { left } from "./time";

const lights: Record<Hub["phase"], Light> = { connected: "connected", connecting: "connecting", blocked: "blocked", waiting: "disconnected", stopped: "disconnected" };

export const hubLight = (h: Hub): Light => lights[h.phase];

// shutWords says that a hub keeps this device out, and for how long.
export function shutWords(h: Hub): string {
  const t = i18n.t.hubs;
  return h.next ? t.shutLeft(h.name, left(h.next, clock.now)) : t.shut(h.name);
}

const seenKey = "kith.hubs.seen";

// kept is until when the notices of each hub were seen in this browser.
function kept(): Readonly<Record<string, string>> {
  try {
    return JSON.parse(localStorage.getItem(seenKey) ?? "{}") ?? {};
  } catch {
    return {};
  }
}

class Hubs {
  all = $state.raw<readonly Hub[]>([]);
  #seen = $state.raw(kept());

  own = $derived(this.all.filter((h) => h.own));

  // keeping tells that one of the own hubs keeps files.
  keeping = $derived(this.own.some((h) => h.space));

  // shut is the own hub that keeps this device out, unless another one is
  // there for it.
  shut = $derived(this.own.some((h) => h.phase === "connected" || h.phase === "connecting") ? undefined : this.own.find((h) => h.phase === "blocked"));

  // news are the notices that were not seen yet, the newest first.
  news = $derived(
    this.all
      .flatMap((h) => h.notices)
      .filter((n) => n.at > (this.#seen[n.hub] ?? ""))
      .sort((a, b) => b.at.localeCompare(a.at)),
  );

  load = once(async () => {
    this.all = (await ask(api.GET("/hubs"))) ?? [];
  });

  async add(url: string) {
    await ask(api.POST("/hubs", { body: { url } }));
    await this.load();
  }

  async remove(url: string) {
    await ask(api.DELETE("/hubs", { params: { query: { url } } }));
    await this.load();
  }

  // hear takes a notice that just came.
  hear(notice: HubNotice) {
    this.all = this.all.map((h) => (h.name !== notice.hub || h.notices.some((n) => n.id === notice.id) ? h : { ...h, notices: [...h.notices, notice] }));
  }

  // see notes that all notices were seen.
  see() {
    const seen = { ...this.#seen };
    for (const n of this.news) if (n.at > (seen[n.hub] ?? "")) seen[n.hub] = n.at;
    this.#seen = seen;
    localStorage.setItem(seenKey, JSON.stringify(seen));
  }
}

export const hubs = new Hubs();
