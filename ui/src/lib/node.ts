// Keeps the services current with what happens at the node.

import { api, ask, type Message, type Notice } from "./api";
import { contacts } from "./contacts.svelte";
import { conversations } from "./conversations.svelte";
import { listen } from "./events";
import { self } from "./me.svelte";
import { nav } from "./nav.svelte";
import { once } from "./once";
import { connections } from "./status.svelte";

// loadAll brings everything that is shown up to date.
export const loadAll = once(async () => {
  await nav.attempt(async () => {
    await Promise.all([self.load(), contacts.load(), conversations.load(), connections.full && connections.load()]);
    if (nav.history?.loaded) await nav.history.refresh();
  });
});

// take is told of one thing that happened.
export function take(n: Notice, arrived: (m: Message) => void = () => {}) {
  const failed = () => {}; // the stream notices too if the node is gone
  switch (n.type) {
    case "reset":
      void loadAll();
      break;
    case "me":
      self.load().catch(failed);
      break;
    case "contact":
      if (n.contact) contacts.take(n.contact);
      break;
    case "status":
      if (n.status) connections.take(n.status);
      break;
    case "typing":
      if (n.typing) conversations.setTyping(n.typing.conversation, n.typing.active);
      break;
    case "conversation":
      if (n.conversation) changed(n.conversation);
      break;
    case "message":
      if (!n.message) break;
      conversations.touch(n.message.conversation).catch(failed);
      if (n.message.conversation === nav.conversation) nav.history?.take(n.message).catch(failed);
      arrived(n.message);
  }
  function changed(id: string) {
    conversations.touch(id).catch(failed);
    if (id === nav.conversation && nav.history?.loaded) nav.history.refresh().catch(failed);
  }
}

// follow listens until the page is closed.
export function follow(arrived: (m: Message) => void): () => void {
  return listen({
    opened(fresh) {
      connections.online = true;
      nav.trouble = "";
      if (fresh) void loadAll();
    },
    lost() {
      connections.online = false;
      // Refused because the login has ended? Then the page says so.
      ask(api.GET("/me")).catch(() => {});
    },
    notice: (n) => take(n, arrived),
  });
}
