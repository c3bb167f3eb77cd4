// Folders that were dropped, walked through; and what becomes of all of it.

import type { Held, Picked } from "./picked";

const mostFiles = 20_000; // of one folder in a browser; the node itself takes more

export class TooMany extends Error {}

// collect walks through folders. Those that the system makes for itself are no
// part of what somebody shares.
export async function collect(things: readonly Held[]): Promise<Picked[]> {
  const all: Picked[] = [];
  for (const thing of things) {
    if (thing instanceof File) all.push({ file: thing, path: thing.name });
    else await walk(thing, "", all);
  }
  return all;
}

const ofTheSystem = /^(\.DS_Store|Thumbs\.db|desktop\.ini)$/i;

async function walk(entry: FileSystemEntry, above: string, all: Picked[]): Promise<void> {
  const path = above + entry.name;
  if (above && ofTheSystem.test(entry.name)) return;
  if (all.length >= mostFiles) throw new TooMany();
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    all.push({ file, path });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // It gives some at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return;
    for (const child of some) await walk(child, `${path}/`, all);
  }
}

// A Share is what becomes one message: a file, or a folder with all in it.
export interface Share {
  name: string;
  folder: boolean;
  files: readonly Picked[];
  size: number;
}

// shares tells what the messages will be.
export function shares(picked: readonly Picked[]): Share[] {
  const all = new Map<string, Picked[]>();
  for (const one of picked) {
    const at = one.path.indexOf("/");
    const key = at < 0 ? `\0${one.path}` : one.path.slice(0, at);
    const list = all.get(key);
    if (list) list.push(one);
    else all.set(key, [one]);
  }
  return [...all].map(([key, files]) => ({
    name: key.replace("\0", ""),
    folder: !key.startsWith("\0"),
    files,
    size: files.reduce((sum, { file }) => sum + file.size, 0),
  }));
}
