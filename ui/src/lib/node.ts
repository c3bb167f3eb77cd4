// Keeps the services current with what happens at the node.

import { api, ask, type HubNotice, type Message, type Notice } from "./api";
import { contacts } from "./contacts.svelte";
import { conversations } from "./conversations.svelte";
import { drafts } from "./drafts.svelte";
import { files } from "./files.svelte";
import { hubs } from "./hubs.svelte";
import { self } from "./me.svelte";
import { nav } from "./nav.svelte";
import { once } from "./once";
import { spheres } from "./spheres.svelte";
import { connections } from "./status.svelte";
import { share } from "./tabs";

// loadAll brings everything that is shown up to date.
export const loadAll = once(async () => {
  await nav.attempt(async () => {
    await Promise.all([self.load(), contacts.load(), spheres.load(), conversations.load(), hubs.load(), connections.full && connections.load()]);
    if (nav.history?.loaded) await nav.history.refresh();
    await catchUp();
    files.reset();
  });
});

// catchUp does what could not be done while the node was away.
async function catchUp() {
  await nav.history?.begin();
  await drafts.catchUp();
}

// begin loads what one sees first, while the stream of events opens. What
// happens in between is not lost, for loadAll follows.
function begin() {
  const open = nav.conversation;
  const list = async () => {
    await conversations.begin();
    if (open && !conversations.byID.has(open)) await conversations.touch(open);
  };
  void nav.attempt(() => Promise.all([self.load(), list()]));
}

// take is told of one thing that happened.
export function take(n: Notice, arrived: (m: Message) => void = () => {}, spoke: (n: HubNotice) => void = () => {}) {
  const failed = () => {}; // the stream notices too if the node is gone
  switch (n.type) {
    case "reset":
      void loadAll();
      break;
    case "me":
      self.load().catch(failed);
      break;
    case "hubs":
      hubs.load().catch(failed);
      break;
    case "hub-notice":
      if (!n.hub_notice) break;
      hubs.hear(n.hub_notice);
      spoke(n.hub_notice);
      break;
    case "contact":
      if (n.contact) contacts.take(n.contact);
      break;
    case "status":
      if (n.status) connections.take(n.status);
      break;
    case "sphere":
      if (n.sphere) spheres.take(n.sphere);
      break;
    case "typing":
      if (n.typing) conversations.setTyping(n.typing.conversation, n.typing.active, n.typing.from);
      break;
    case "conversation":
      if (n.conversation) changed(n.conversation);
      break;
    case "row":
      if (!n.row) break;
      if (n.row.sphere) spheres.take(n.row.sphere);
      conversations.take(n.row);
      drafts.told(n.row.id, n.row.draft);
      break;
    case "message":
      if (!n.message) break;
      if (n.message.conversation === nav.conversation) nav.history?.take(n.message);
      conversations.hear(n.message).catch(failed);
      files.told(n.message);
      arrived(n.message);
      break;
    case "transfer":
      if (n.message) files.take(n.message);
      break;
    case "sealing":
      if (n.sealing) files.seals(n.sealing);
  }
  function changed(id: string) {
    conversations.touch(id).catch(failed);
    if (id === nav.conversation && nav.history?.loaded) nav.history.refreshSoon().catch(failed);
  }
}

// follow listens until the page is closed.
export function follow(arrived: (m: Message) => void, spoke: (n: HubNotice) => void): () => void {
  begin();
  return share({
    opened(gap) {
      connections.online = true;
      nav.trouble = "";
      if (gap) void loadAll();
      else void nav.attempt(catchUp);
    },
    lost() {
      connections.online = false;
      // Refused because the login has ended? Then the page says so.
      ask(api.GET("/me")).catch(() => {});
    },
    notice: (n) => take(n, arrived, spoke),
  });
}
