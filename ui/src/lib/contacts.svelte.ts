// People: contacts, those who were asked, and those who ask.

import { api, ask, type Contact, type Invitation } from "./api";

const at = (ref: string) => ({ params: { path: { ref } } });

class Contacts {
  // By account. Replaced when anything in it changes.
  all = $state.raw<ReadonlyMap<string, Contact>>(new Map());
  loaded = $state(false);
  requests = $derived([...this.all.values()].filter((c) => c.relation === "asking"));
  // warned are those whose key is not the one that was expected.
  warned = $derived([...this.all.values()].filter((c) => c.warning && c.relation !== "asking"));
  // waits says that something waits for an answer.
  waits = $derived(this.requests.length + this.warned.length > 0);

  get(account: string): Contact | undefined {
    return this.all.get(account);
  }

  async load() {
    const list = (await ask(api.GET("/contacts"))) ?? [];
    this.all = new Map(list.map((c) => [c.account, c]));
    this.loaded = true;
  }

  // take puts one as the node now has it.
  take(c: Contact): Contact {
    const all = new Map(this.all);
    if (c.relation === "removed" || c.relation === "fellow") all.delete(c.account);
    else all.set(c.account, c);
    this.all = all;
    return c;
  }

  // connection notes what a status says of one.
  connection(account: string, connection: Contact["connection"]) {
    const c = this.all.get(account);
    if (c && c.connection !== connection) this.take({ ...c, connection });
  }

  async refresh(account: string) {
    this.take(await ask(api.GET("/contacts/{ref}", at(account))));
  }

  async join(line: string) {
    return this.take(await ask(api.POST("/contacts", { body: { line } })));
  }

  async invite(reusable: boolean): Promise<Invitation> {
    return ask(api.POST("/invitations", { body: { reusable } }));
  }

  async accept(account: string) {
    return this.take(await ask(api.POST("/contacts/{ref}/accept", at(account))));
  }

  // befriend asks somebody of a common sphere to become a contact.
  async befriend(account: string) {
    return this.take(await ask(api.POST("/contacts/{ref}/befriend", at(account))));
  }

  async refuse(account: string) {
    await ask(api.POST("/contacts/{ref}/refuse", at(account)));
    this.#forget(account);
  }

  async remove(account: string) {
    await ask(api.DELETE("/contacts/{ref}", at(account)));
    this.#forget(account);
  }

  async rename(account: string, petname: string) {
    this.take(await ask(api.PATCH("/contacts/{ref}", { ...at(account), body: { petname } })));
  }

  // block keeps one out for some seconds, for good if they are 0.
  async block(account: string, seconds: number) {
    this.take(await ask(api.POST("/contacts/{ref}/block", { ...at(account), body: { seconds } })));
  }

  async unblock(account: string) {
    this.take(await ask(api.POST("/contacts/{ref}/unblock", at(account))));
  }

  async safetyNumber(account: string) {
    return (await ask(api.GET("/contacts/{ref}/safety-number", at(account)))).digits;
  }

  async verify(account: string, verified: boolean) {
    this.take(await ask(api.PUT("/contacts/{ref}/verified", { ...at(account), body: { verified } })));
  }

  #forget(account: string) {
    const all = new Map(this.all);
    all.delete(account);
    this.all = all;
  }
}

export const contacts = new Contacts();
