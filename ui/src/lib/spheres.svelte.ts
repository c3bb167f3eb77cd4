// Spheres: people and their room. Each is also the place of a conversation,
// under the same ID.

import { api, ask, type Contact, type Invitation, type Member, type Sphere, type SphereProfile } from "./api";
import { contacts } from "./contacts.svelte";
import type { Person } from "./mentions";
import type { Light } from "./status.svelte";

const at = (sphere: string) => ({ params: { path: { sphere } } });
const of = (sphere: string, ref: string) => ({ params: { path: { sphere, ref } } });

class Spheres {
  // By ID. Replaced when anything in it changes.
  all = $state.raw<ReadonlyMap<string, Sphere>>(new Map());
  invitations = $derived([...this.all.values()].filter((s) => s.state === "invited"));

  // linked says whether somebody of a sphere is connected, be it a contact or not.
  linked = $derived([...this.all.values()].some((s) => s.state === "member" && s.linked > 0));

  get(id: string): Sphere | undefined {
    return this.all.get(id);
  }

  async load() {
    const list = (await ask(api.GET("/spheres"))) ?? [];
    this.all = new Map(list.map((s) => [s.id, s]));
  }

  // take puts one as the node now has it.
  take(s: Sphere): Sphere {
    this.all = new Map(this.all).set(s.id, s);
    return s;
  }

  // connection notes what a status says of somebody.
  connection(account: string, connection: Contact["connection"]) {
    for (const s of this.all.values()) {
      const m = s.members.find((m) => m.account === account);
      if (!m || m.connection === connection) continue;
      const members = s.members.map((other) => (other === m ? { ...m, connection } : other));
      this.take({ ...s, members, linked: members.filter((m) => !m.me && m.connection === "connected").length });
    }
  }

  async refresh(id: string) {
    this.take(await ask(api.GET("/spheres/{sphere}", at(id))));
  }

  async create(body: SphereProfile) {
    return this.take(await ask(api.POST("/spheres", { body })));
  }

  async describe(id: string, body: SphereProfile) {
    this.take(await ask(api.PATCH("/spheres/{sphere}", { ...at(id), body })));
  }

  async join(id: string) {
    return this.take(await ask(api.POST("/spheres/{sphere}/join", at(id))));
  }

  async decline(id: string) {
    await ask(api.POST("/spheres/{sphere}/decline", at(id)));
    const all = new Map(this.all);
    all.delete(id);
    this.all = all;
  }

  async leave(id: string) {
    this.take(await ask(api.POST("/spheres/{sphere}/leave", at(id))));
  }

  async invite(id: string, list: readonly string[]) {
    this.take(await ask(api.POST("/spheres/{sphere}/invite", { ...at(id), body: { contacts: [...list] } })));
  }

  async line(id: string, reusable: boolean): Promise<Invitation> {
    return ask(api.POST("/spheres/{sphere}/lines", { ...at(id), body: { reusable } }));
  }

  async uninvite(id: string, name: string) {
    this.take(await ask(api.POST("/spheres/{sphere}/members/{ref}/uninvite", of(id, name))));
  }

  async remove(id: string, account: string) {
    this.take(await ask(api.POST("/spheres/{sphere}/members/{ref}/remove", of(id, account))));
  }

  async promote(id: string, account: string) {
    this.take(await ask(api.POST("/spheres/{sphere}/members/{ref}/promote", of(id, account))));
  }

  async demote(id: string, account: string) {
    this.take(await ask(api.POST("/spheres/{sphere}/members/{ref}/demote", of(id, account))));
  }

  async handOver(id: string, account: string) {
    this.take(await ask(api.POST("/spheres/{sphere}/members/{ref}/hand-over", of(id, account))));
  }

  // mute keeps one from writing for some hours; none lets them write again.
  async mute(id: string, account: string, hours: number) {
    this.take(await ask(api.POST("/spheres/{sphere}/members/{ref}/mute", { ...of(id, account), body: { seconds: hours * 3600 } })));
  }
}

export const spheres = new Spheres();

// muted says whether one can't write yet.
export const muted = (one: { muted_until?: string }, now: number) => !!one.muted_until && new Date(one.muted_until).getTime() > now;

// lightOf is the one status of a sphere, as of a contact.
export function lightOf(s: Sphere, now: number): Light {
  if (muted(s, now)) return "blocked";
  if (s.state === "joining") return "connecting";
  return s.state === "member" && s.linked > 0 ? "connected" : "disconnected";
}

// others are the members besides oneself, as they are named.
export const others = (s: Sphere): Person[] => s.members.filter((m) => !m.me).map(person);

function person(m: Member): Person {
  return contacts.get(m.account) ?? { account: m.account, name: m.name, own_name: m.name, petname: "" };
}
