// How things stand with the connections: the one status, and every way.

import { api, ask, type Contact, type ContactStatus, type Status } from "./api";
import { contacts } from "./contacts.svelte";
import { hubs } from "./hubs.svelte";
import { self } from "./me.svelte";
import { spheres } from "./spheres.svelte";

export type Light = Contact["connection"];

class Connections {
  full = $state.raw<Status>();
  // online is whether the node answers this page. It is not known at first.
  online = $state<boolean>();

  // light is the one status of everything.
  light = $derived.by<Light>(() => {
    if (this.online === false || !self.me?.visible) return "disconnected";
    const all = [...contacts.all.values()].filter((c) => c.relation === "accepted" || c.relation === "asked");
    if (all.some((c) => c.connection === "connected") || spheres.linked) return "connected";
    if (all.some((c) => c.connection === "connecting")) return "connecting";
    if (hubs.shut) return "blocked";
    if (all.length > 0) return all.every((c) => c.blocked) ? "blocked" : "disconnected";
    return "connecting";
  });

  // shut is the hub because of which the light is orange.
  shut = $derived(this.light === "blocked" ? hubs.shut : undefined);

  of(account: string): ContactStatus | undefined {
    return this.full?.contacts?.find((s) => s.account === account);
  }

  async load() {
    this.full = await ask(api.GET("/status"));
    for (const s of this.full.contacts ?? []) contacts.connection(s.account, s.connection);
  }

  take(s: ContactStatus) {
    contacts.connection(s.account, s.connection);
    spheres.connection(s.account, s.connection);
    if (this.full) this.full = { ...this.full, contacts: [...(this.full.contacts ?? []).filter((old) => old.account !== s.account), s] };
  }

  async retry(contact: string) {
    await ask(api.POST("/connections/retry", { body: { contact } }));
  }

  // examine looks at all that links need; it takes some seconds.
  async examine() {
    return await ask(api.GET("/connections/doctor"));
  }

  async offer(contact: string) {
    return (await ask(api.POST("/connections/offers", { body: { contact } }))).line;
  }

  // answer takes their line; an empty result says that nothing is left to do.
  async answer(contact: string, line: string) {
    return (await ask(api.POST("/connections/answers", { body: { contact, line } }))).line;
  }
}

export const connections = new Connections();
