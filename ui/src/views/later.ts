// Views that few people open at first. They come in files of their own, when
// they are asked for; and once the first view is there, all of them, so that
// they open while the node is away.

import { i18n } from "../i18n/index.svelte";
import { nav } from "../lib/nav.svelte";

export const views = {
  invite: () => import("./Invite.svelte"),
  "new-sphere": () => import("./NewSphere.svelte"),
  sphere: () => import("./SphereSheet.svelte"),
  "sphere-invite": () => import("./SphereInvite.svelte"),
  several: () => import("./Several.svelte"),
  join: () => import("./Join.svelte"),
  contact: () => import("./ContactSheet.svelte"),
  connection: () => import("./ConnectionSheet.svelte"),
  offer: () => import("./Offer.svelte"),
  send: () => import("./Send.svelte"),
  "send-torrent": () => import("./SendTorrent.svelte"),
  transfers: () => import("./TransfersSheet.svelte"),
  folder: () => import("./FolderSheet.svelte"),
  gallery: () => import("./Gallery.svelte"),
  reader: () => import("./FileReader.svelte"),
  details: () => import("./Details.svelte"),
  forward: () => import("./Forward.svelte"),
  settings: () => import("./Settings.svelte"),
  shortcuts: () => import("./Shortcuts.svelte"),
  shelf: () => import("./Shelf.svelte"),
  entries: () => import("./Entries.svelte"),
  outgoing: () => import("./Outgoing.svelte"),
  selection: () => import("./SelectionBar.svelte"),
};

// asked gives a view to show. Without it nothing opens, and that is said.
export const asked = <T>(load: () => Promise<T>): Promise<T> =>
  load().catch(() => {
    [nav.dialog, nav.trouble] = [undefined, i18n.t.app.unreachable];
    return new Promise<T>(() => {});
  });

// bring loads all, one after the other, when the browser has nothing else to do.
// What can't be had now is asked for again the next time.
export function bring() {
  const work = async () => {
    for (const load of Object.values(views)) await load().catch(() => {});
  };
  if ("requestIdleCallback" in window) requestIdleCallback(work, { timeout: 5000 });
  else setTimeout(work, 2000);
}
