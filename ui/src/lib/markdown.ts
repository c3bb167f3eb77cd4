// The little formatting that messengers know, as a tree of plain values that
// components draw: nothing that somebody wrote ever becomes markup.
//
//   block:  ``` code ```   > quote   - item   1. item   paragraph
//   inline: `code`  **bold**  *italic*  _italic_  ~~strike~~  https://…  @name
//
// Time is linear in the text: each kind of mark is searched for at most once
// beyond its last one.

import type { Finder } from "./mentions";

export type Inline =
  | { kind: "text" | "code"; text: string }
  | { kind: "link"; text: string; href: string }
  | { kind: "mention"; text: string; account: string; name?: string }
  | { kind: "bold" | "italic" | "strike"; parts: Inline[] };

export type Block =
  | { kind: "code"; text: string }
  | { kind: "quote"; blocks: Block[] }
  | { kind: "list"; ordered: boolean; start: number; items: Inline[][] }
  | { kind: "text"; parts: Inline[] };

const bullet = /^\s{0,3}[-*•]\s+(.*)$/;
const numbered = /^\s{0,3}(\d{1,9})[.)]\s+(.*)$/;
const deepest = 4;

// parse makes the tree of a text; names finds whom it mentions.
export function parse(text: string, names?: Finder, depth = 0): Block[] {
  const lines = text.split("\n");
  const blocks: Block[] = [];
  let plain: string[] = [];
  const flush = () => {
    if (plain.some((l) => l.trim())) blocks.push({ kind: "text", parts: inline(plain.join("\n").replace(/^\n+|\n+$/g, ""), names) });
    plain = [];
  };
  // The last fence, so that an open one does not search to the end again.
  const lastFence = lines.findLastIndex((l) => l.trimEnd() === "```");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (/^```\S*\s*$/.test(line) && i < lastFence) {
      let end = i + 1;
      while (lines[end]!.trimEnd() !== "```") end++;
      flush();
      blocks.push({ kind: "code", text: lines.slice(i + 1, end).join("\n") });
      i = end;
    } else if (line.startsWith(">") && depth < deepest) {
      let end = i;
      while (lines[end]?.startsWith(">")) end++;
      flush();
      blocks.push({ kind: "quote", blocks: parse(lines.slice(i, end).map((l) => l.replace(/^> ?/, "")).join("\n"), names, depth + 1) });
      i = end - 1;
    } else if (bullet.test(line) || numbered.test(line)) {
      flush();
      const ordered = !bullet.test(line);
      const pattern = ordered ? numbered : bullet;
      const items: Inline[][] = [];
      const start = ordered ? Number(numbered.exec(line)![1]) : 1;
      let found: RegExpExecArray | null;
      while (i < lines.length && (found = pattern.exec(lines[i]!))) {
        items.push(inline(found.at(-1)!, names));
        i++;
      }
      i--;
      blocks.push({ kind: "list", ordered, start, items });
    } else {
      plain.push(line);
    }
  }
  flush();
  return blocks;
}

const marks = [
  { mark: "**", kind: "bold" },
  { mark: "__", kind: "bold" },
  { mark: "~~", kind: "strike" },
  { mark: "*", kind: "italic" },
  { mark: "_", kind: "italic" },
] as const;

const address = /https?:\/\/[^\s<>"“”]{1,2000}/y;
const wordChar = /[\p{L}\p{N}]/u;

export function inline(text: string, names?: Finder, depth = 0): Inline[] {
  const parts: Inline[] = [];
  let plain = "";
  const push = (part: Inline) => {
    if (plain) parts.push({ kind: "text", text: plain });
    plain = "";
    parts.push(part);
  };
  const ends = new Map<string, number>(); // of a mark that has no end from here on: -1
  const find = (mark: string, from: number) => {
    if (ends.get(mark) === -1) return -1;
    let at = text.indexOf(mark, from);
    // An end closes a word; a single mark is not half of a double one.
    while (at >= 0 && (/\s/.test(text[at - 1]!) || (mark.length === 1 && mark !== "`" && (text[at + 1] === mark || text[at - 1] === mark)) || (mark[0] === "_" && wordChar.test(text[at + mark.length] ?? "")))) {
      at = text.indexOf(mark, at + mark.length);
    }
    if (at < 0) ends.set(mark, -1);
    return at;
  };
  for (let i = 0; i < text.length; ) {
    const c = text[i]!;
    if (c === "`") {
      const end = text.indexOf("`", i + 1);
      if (end > i + 1) {
        push({ kind: "code", text: text.slice(i + 1, end) });
        i = end + 1;
        continue;
      }
    } else if (c === "h" && !wordChar.test(text[i - 1] ?? "")) {
      address.lastIndex = i;
      const href = trimmed(address.exec(text)?.[0] ?? "");
      if (href && URL.canParse(href)) {
        push({ kind: "link", text: href, href });
        i += href.length;
        continue;
      }
    } else if (c === "@") {
      const m = names?.at(text, i);
      if (m) {
        push({ kind: "mention", text: m.text, account: m.account, name: m.name });
        i += m.text.length;
        continue;
      }
    } else if ("*_~".includes(c) && depth < deepest) {
      const m = marks.find((m) => text.startsWith(m.mark, i));
      const begin = m && i + m.mark.length;
      const opens = m && /\S/.test(text[begin!] ?? " ") && !(c === "_" && wordChar.test(text[i - 1] ?? ""));
      const end = opens ? find(m.mark, begin! + 1) : -1;
      if (m && end > 0) {
        push({ kind: m.kind, parts: inline(text.slice(begin, end), names, depth + 1) });
        i = end + m.mark.length;
        continue;
      }
      if (m) {
        plain += m.mark;
        i += m.mark.length;
        continue;
      }
    }
    plain += c;
    i++;
  }
  if (plain) parts.push({ kind: "text", text: plain });
  return parts;
}

// trimmed leaves the punctuation after an address to the sentence.
function trimmed(href: string): string {
  let end = href.length;
  while (end > 0) {
    const c = href[end - 1]!;
    if (!".,;:!?'*_~)]".includes(c)) break;
    if (c === ")" && href.slice(0, end).includes("(")) break;
    end--;
  }
  return /^https?:\/\/.+/.test(href.slice(0, end)) ? href.slice(0, end) : "";
}

// plainText is a text on one line without its marks, for lists and quotes.
export function plainText(text: string, most = 200): string {
  const all = parse(text.slice(0, most * 2)).map(plain).join(" ");
  // A fence may have lost its end.
  return all.replace(/```\S*/g, " ").replace(/\s+/g, " ").trim().slice(0, most).replace(/[\ud800-\udbff]$/, "");
}

function plain(block: Block): string {
  if (block.kind === "quote") return block.blocks.map(plain).join(" ");
  if (block.kind === "list") return block.items.map((item) => `• ${item.map(words).join("")}`).join(" ");
  return block.kind === "text" ? block.parts.map(words).join("") : block.text;
}

const words = (part: Inline): string => ("parts" in part ? part.parts.map(words).join("") : part.text);
