// What the node keeps on disk, and its backups.

import { api, ask, type Storage } from "./api";

export const storage = {
  get: (): Promise<Storage> => ask(api.GET("/storage")),
};

export const backups = {
  // make writes everything into a new file of the machine that the node runs on.
  async make(path: string, passphrase: string) {
    await ask(api.POST("/backups", { body: { path, passphrase } }));
  },

  // restore goes on as the account of a backup. own is the passphrase of the
  // history in it, if that is another one.
  async restore(file: File, passphrase: string, own = "") {
    const form = new FormData();
    form.set("passphrase", passphrase);
    if (own) form.set("store_passphrase", own);
    form.set("file", file);
    // The browser streams the file, and writes the boundary of the form.
    await ask(api.POST("/restore", { body: {} as never, bodySerializer: () => form }));
  },
};

// parent is the folder that a path is in; Windows has its own separator.
const parent = (path: string) => path.replace(/[\\/]+[^\\/]*[\\/]*$/, "");

// proposed is where a backup of today may go: beside the home, not in it, so
// that whoever removes the one keeps the other.
export function proposed(home: string, now: Date): string {
  const separator = home.includes("\\") ? "\\" : "/";
  const day = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
  return `${parent(home)}${separator}kith-${day}.age`;
}
