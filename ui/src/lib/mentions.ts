// Whom a text means. A mention is words of the text that begin with "@", and an
// account; the mentions of a message come in the order in which they stand in
// it. The words are what people call themselves, since everybody reads them:
// what I call somebody is nobody else's business, and only shown here.

import type { Contact, Mention } from "./api";
import { parse } from "./markdown";

// As the node has it, for a message.
export const most = 100;
const mostBytes = 8 << 10;
const longest = 60; // characters of a name in a text

// A Person can be mentioned: a contact, or somebody of the same sphere.
export type Person = Pick<Contact, "account" | "name" | "own_name" | "petname">;

// words are what stands in a text for somebody. What would turn the text of
// others around, or break its line, is left out.
export function words(c: Person): string {
  const name = c.own_name.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, " ").replace(/\s+/g, " ").trim();
  return `@${[...(name || c.account)].slice(0, longest).join("").trim()}`;
}

const inWord = /[\p{L}\p{N}_]/u;

// standsAt says whether words stand at a place of a text, and are not the
// beginning of others.
export const standsAt = (text: string, words: string, at: number) =>
  text.startsWith(words, at) && !(inWord.test(words.at(-1)!) && inWord.test(text[at + words.length] ?? "")) && !inWord.test(text[at - 1] ?? "");

// A Named mention is one whose account the node has a name for.
export type Named = Mention & { name?: string };

// calledIn is their name, or what the author wrote of somebody I don't know, of
// whom the node only gives the start of the account.
export const calledIn = (m: Named) => (m.name && !m.account.startsWith(m.name) ? m.name : m.text.slice(1));

// A Finder says which mention begins at a place of a text. It is asked from the
// beginning to the end, and not about code.
export interface Finder {
  at(text: string, place: number): Named | undefined;
}

// reader finds the mentions of a message that was sent. One that does not stand
// in the text is passed over.
export function reader(list: readonly Named[]): Finder {
  let next = 0;
  return {
    at(text, place) {
      const i = list.findIndex((m, i) => i >= next && standsAt(text, m.text, place));
      if (i < 0) return undefined;
      next = i + 1;
      return list[i];
    },
  };
}

const size = (text: string) => new TextEncoder().encode(text).length;

// inText are the mentions that a text has, in its order, of those that were
// chosen while it was written. Two people may bear one name: then the order of
// choosing decides, which is that of the places.
export function inText(text: string, chosen: readonly Mention[]): Mention[] {
  if (chosen.length === 0) return [];
  const found: Mention[] = [];
  let bytes = 0;
  let rest = chosen;
  const longest = (list: readonly Mention[], text: string, place: number) =>
    list.filter((m) => standsAt(text, m.text, place)).sort((a, b) => b.text.length - a.text.length)[0];
  parse(text, {
    at(text, place) {
      if (found.length >= most) return undefined;
      const m = longest(rest, text, place) ?? longest(chosen, text, place);
      if (!m || (bytes += size(m.text)) > mostBytes) return undefined;
      if (rest.includes(m)) rest = rest.slice(rest.indexOf(m) + 1);
      found.push({ account: m.account, text: m.text });
      return m;
    },
  });
  return found;
}

// named is a text with the names that I call people by, for where it stands on
// one line.
export function named(m: { text: string; mentions?: readonly Named[] }): string {
  if (!m.mentions?.length) return m.text;
  const names = reader(m.mentions);
  let text = "";
  for (let at = 0; at < m.text.length; ) {
    const found = m.text[at] === "@" ? names.at(m.text, at) : undefined;
    text += found ? `@${calledIn(found)}` : m.text[at];
    at += found?.text.length ?? 1;
  }
  return text;
}

// An Asked mention is one that is being typed: what, and where in the text.
export interface Asked {
  part: string;
  from: number;
}

// asked is what is typed of a mention before the caret.
export function asked(text: string, caret: number): Asked | undefined {
  const before = text.slice(Math.max(0, caret - longest - 2), caret);
  const part = /(?:^|[\s([{"'“«])@([\p{L}\p{N}\p{M}._'’-]*)$/u.exec(before)?.[1];
  return part === undefined ? undefined : { part, from: caret - part.length - 1 };
}

// offered are those whose name, or a word of it, begins with what was typed:
// the people of the conversation first, then others.
export function offered(part: string, members: readonly Person[], others: readonly Person[], limit = 8): Person[] {
  const wanted = plain(part);
  const found: Person[] = [];
  for (const c of [...members, ...others]) {
    if (found.length === limit) break;
    if ([c.name, c.own_name].some((n) => begins(plain(n), wanted)) && !found.some((f) => f.account === c.account)) found.push(c);
  }
  return found;
}

// begins says whether a name or one of its words begins so.
function begins(name: string, wanted: string): boolean {
  for (let at = name.indexOf(wanted); at >= 0; at = name.indexOf(wanted, at + 1)) {
    if (!inWord.test(name[at - 1] ?? "")) return true;
  }
  return false;
}

const plain = (s: string) => s.slice(0, 500).normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
