// Who is called so, and the part of a text in which words were found, with the
// words marked.

import type { Contact } from "./api";
import { plainText } from "./markdown";

// Names as they are compared are made once, since there may be ten thousand.
const called = new WeakMap<Contact, string>();

// isCalled tells whether a name of somebody holds a part, which is in lower case.
export function isCalled(c: Contact, part: string): boolean {
  let names = called.get(c);
  if (names === undefined) called.set(c, (names = `${c.name}\n${c.own_name}`.toLocaleLowerCase()));
  return names.includes(part);
}

// holdsWord tells whether there is anything to search for.
export const holdsWord = (text: string) => /[\p{L}\p{N}\p{Co}]/u.test(text);

// firstOf gives the first few of a list that something is true of.
export function firstOf<T>(list: readonly T[], most: number, is: (item: T) => boolean): T[] {
  const found: T[] = [];
  for (const item of list) {
    if (found.length === most) break;
    if (is(item)) found.push(item);
  }
  return found;
}

const before = 40;
const most = 240;

// fold compares as the search does: case and accents do not matter. It keeps
// the length, so that places stay the same.
const fold = (s: string) => [...s].map((c) => {
  const plain = c.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.length === c.length ? plain : c;
}).join("");

export function marked(text: string, words: string): { text: string; hit: boolean }[] {
  const line = plainText(text.slice(0, 20_000), 20_000);
  const wanted = fold(words).split(/\s+/).filter(Boolean);
  const folded = fold(line);
  const first = Math.max(0, Math.min(...wanted.map((w) => folded.indexOf(w)).filter((at) => at >= 0), line.length));
  const from = first === line.length || first < before ? 0 : first - before;
  const part = line.slice(from, from + most);
  const low = folded.slice(from, from + most);
  const parts: { text: string; hit: boolean }[] = [];
  if (from > 0) parts.push({ text: "…", hit: false });
  let at = 0;
  while (at < part.length) {
    let next = part.length;
    let length = 0;
    for (const w of wanted) {
      const i = low.indexOf(w, at);
      if (i >= 0 && (i < next || (i === next && w.length > length))) [next, length] = [i, w.length];
    }
    if (next > at) parts.push({ text: part.slice(at, next), hit: false });
    if (length) parts.push({ text: part.slice(next, next + length), hit: true });
    at = next + Math.max(length, 0);
    if (!length) break;
  }
  return parts;
}
