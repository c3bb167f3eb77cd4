// A second reading of the encodings of docs/protocol.md: cards, events, the
// lines that people paste, and the store's key.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gcm } from "@noble/ciphers/aes.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { argon2id } from "@noble/hashes/argon2.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, hexToBytes as hex, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, it } from "vitest";

type Bytes = Uint8Array;
type Case = Record<string, any>;

// hold checks that every case of a file comes out as the reading says.
function hold(name: string, read: (c: Case) => Record<string, Bytes | string>) {
  const cases: Case[] = JSON.parse(readFileSync(resolve("../testdata/vectors", `${name}.json`), "utf8")).cases;
  it.each(cases.map((c, i) => [i, c] as const))(`${name} %i`, (_, c) => {
    for (const [field, value] of Object.entries(read(c))) expect(typeof value === "string" ? value : bytesToHex(value), field).toBe(c[field]);
  });
}

// big writes a number of some bytes, the highest first.
const big = (n: number | bigint, size: number): Bytes => hex(BigInt(n).toString(16).padStart(2 * size, "0"));
const labelled = (label: string, ...rest: Bytes[]) => concatBytes(utf8ToBytes(label), Uint8Array.of(0), ...rest);
const derive = (secret: Bytes, n: number, label: string, ...bound: Bytes[]) => hkdf(sha256, secret, undefined, labelled(label, ...bound), n);

type Value = number | boolean | string | Bytes | Value[];

// head is the beginning of an item of CBOR in its shortest form.
function head(major: number, n: number): Bytes {
  const first = major << 5;
  if (n < 24) return Uint8Array.of(first | n);
  const size = [1, 2, 4, 8].find((bytes) => n < 2 ** (8 * bytes))!;
  return concatBytes(Uint8Array.of(first | (24 + Math.log2(size))), big(n, size));
}

function cbor(v: Value): Bytes {
  if (typeof v === "number") return v < 0 ? head(1, -1 - v) : head(0, v);
  if (typeof v === "boolean") return Uint8Array.of(v ? 0xf5 : 0xf4);
  if (typeof v === "string") return concatBytes(head(3, utf8ToBytes(v).length), utf8ToBytes(v));
  if (v instanceof Uint8Array) return concatBytes(head(2, v.length), v);
  return concatBytes(head(4, v.length), ...v.map(cbor));
}

const base64url = (b: Bytes) => Buffer.from(b).toString("base64url");
const line = (prefix: string, payload: Bytes) => prefix + base64url(concatBytes(payload, sha256(concatBytes(utf8ToBytes(prefix), payload)).slice(0, 4)));

// ip reads an IPv4 address, or an IPv6 one with at most one gap.
function ip(text: string): Bytes {
  if (!text.includes(":")) return Uint8Array.from(text.split("."), Number);
  const [before, after] = text.split("::").map((half) => half.split(":").filter(Boolean)) as [string[], string[]?];
  const gap = after ? Array<string>(8 - before.length - after.length).fill("0") : [];
  return concatBytes(...[...before, ...gap, ...(after ?? [])].map((group) => big(parseInt(group, 16), 2)));
}

const address = (host: string, port: string | number) => concatBytes(ip(host), big(Number(port), 2));
const parsed = (text: string) => /^\[?(.*?)\]?:(\d+)$/.exec(text)!.slice(1) as [string, string];

function invitation(c: Case, nameField: number): string {
  const expires = c.expires_unix ? c.expires_unix - Date.UTC(2020, 0, 1) / 1000 : 0;
  const field = (type: number, value: Bytes) => concatBytes(Uint8Array.of(type, value.length), value);
  const addresses: Bytes[] = (c.addresses ?? []).map((a: string) => field(2, address(...parsed(a))));
  const name = c.name || nameField === 3 ? [field(nameField, utf8ToBytes(c.name))] : [];
  return line("kith:", concatBytes(Uint8Array.of(1), hex(c.account), hex(c.secret), big(expires, 4), ...addresses.slice(0, 2), ...name, ...addresses.slice(2)));
}

// candidate packs one that is given as in SDP (RFC 8839).
function candidate(text: string): Bytes {
  const word = text.split(" ");
  const after = (name: string) => (word.includes(name) ? word[word.indexOf(name) + 1]! : undefined);
  const kind = ["host", "srflx", "prflx", "relay"].indexOf(after("typ")!);
  const transport = word[2] === "udp" ? 0 : 1 + ["active", "passive", "so"].indexOf(after("tcptype")!);
  const related = after("raddr");
  const flags = kind | (transport << 2) | (word[4]!.includes(":") ? 16 : 0) | (related ? 32 : 0) | (related?.includes(":") ? 64 : 0);
  return concatBytes(Uint8Array.of(flags), big(Number(word[3]), 4), address(word[4]!, word[5]!), ...(related ? [address(related, after("rport")!)] : []));
}

function body(c: Case): Value[] {
  const optional = (id?: string): Bytes => hex(id ?? "");
  const mentions: Value[] = c.mentions ? [c.mentions.map((m: Case) => [hex(m.account), m.text])] : [];
  switch (c.kind) {
    case 1:
      return [c.text, optional(c.reply_to), ...mentions];
    case 2:
      return [hex(c.message), c.text, ...mentions];
    case 3:
      return [hex(c.message)];
    default:
      return [hex(c.message), c.emoji ?? ""];
  }
}

function card(c: Case): Bytes {
  const devices = c.devices.map((d: string) => hex(d));
  return cbor([ed25519.getPublicKey(hex(c.account_seed)), c.version, c.name, devices, ...(c.door ? [hex(c.door)] : [])]);
}
// counted gives bytes that count up.
const counted = (first: number, n: number) => Uint8Array.from({ length: n }, (_, i) => first + i);
const first = (name: string, i = 0): Case => JSON.parse(readFileSync(resolve("../testdata/vectors", `${name}.json`), "utf8")).cases[i];

// letter makes the one that its case describes.
function letter(c: Case): Bytes {
  if (c.what === "number 1, nothing seen, about nothing") return cbor([1, 0, [], [], new Uint8Array()]);
  const [a, b, talk] = [first("certifications"), first("certifications", 1), first("conversations")];
  const run = [hex(a.account), hex(a.device), 7, [[counted(0, 20), counted(0x30, 16)]], new Uint8Array(), counted(0xa0, 16)];
  const room = [hex(talk.id), [], [], [[hex(b.device), 300, counted(0x90, 16), 299]], [run]];
  const drops = [[["https://hub.example", counted(0, 32), counted(0x20, 32)]], [], 3];
  return cbor([2, 5, [room], [drops], counted(0x50, 8)]);
}

const signed = (c: Case) => cbor([card(c), ed25519.sign(labelled("kith v1 card", card(c)), hex(c.account_seed))]);

describe("the encodings, read anew", () => {
  hold("cards", (c) => ({ card: card(c), signed: signed(c) }));
  hold("doorcards", (c) => ({ signed: signed(c) }));
  hold("days", (c) => ({ tag: derive(hex(c.secret), 16, "kith v1 day tag", big(c.day, 4)) }));
  hold("events", (c) => ({ raw: cbor([hex(c.id), c.seq, c.order, c.sent_ms, c.kind, body(c)]) }));
  hold("invitations", (c) => ({ line: invitation(c, 1) }));
  hold("sphereinvitations", (c) => ({ line: invitation(c, 3) }));
  hold("offers", (c) => {
    const plain = cbor([c.answer, hex(c.device), hex(c.id), c.created_ms, c.ufrag, c.pwd, c.candidates.map(candidate)]);
    const [tag, key] = [derive(hex(c.secret), 8, "kith v1 offer tag"), derive(hex(c.secret), 32, "kith v1 offer key")];
    const kind = c.answer ? "answer" : "offer";
    const sealed = concatBytes(hex(c.nonce), gcm(key, hex(c.nonce), utf8ToBytes(`kith v1 ${kind}`)).encrypt(plain));
    return { plain, tag, key, sealed, line: line(`kith-${kind}:`, concatBytes(Uint8Array.of(1), tag, sealed)) };
  });
  hold("meets", (c) => {
    const meet = derive(hex(c.secret), 32, "kith v1 meet");
    return {
      tag: derive(meet, 16, "kith v1 meet tag", big(c.day, 4), utf8ToBytes(c.place)),
      item_key: ed25519.getPublicKey(derive(meet, 32, "kith v1 meet item", big(c.day, 4), hex(c.writer))),
      bundle_name: derive(meet, 32, "kith v1 bundle name"),
    };
  });
  hold("hubs", (c) => {
    const [seed, host, from] = [hex(c.device_seed), utf8ToBytes(c.host), hex(c.from)];
    return {
      key: ed25519.getPublicKey(derive(seed, 32, "kith v1 hub key", host)),
      box: ed25519.getPublicKey(derive(seed, 32, "kith v1 box key", from, host)),
      token: derive(seed, 32, "kith v1 box token", from, host),
    };
  });
  hold("notes", (c) => {
    const plain = cbor([c.kind, hex(c.to), hex(c.from), hex(c.id), c.created_ms, c.ufrag, c.pwd, c.candidates.map(candidate)]);
    const key = derive(derive(hex(c.secret), 32, "kith v1 meet"), 32, "kith v1 meet note");
    return { plain, sealed: concatBytes(hex(c.nonce), gcm(key, hex(c.nonce), utf8ToBytes("kith v1 meet note")).encrypt(plain)) };
  });
  hold("letters", (c) => ({ bytes: letter(c) }));
  hold("vault", (c) => {
    const head = concatBytes(Uint8Array.of(1), big(c.time, 4), big(c.memory_kib, 4), Uint8Array.of(c.lanes), hex(c.salt));
    const key = argon2id(utf8ToBytes(c.passphrase), hex(c.salt), { t: c.time, m: c.memory_kib, p: c.lanes, dkLen: 32 });
    return { wrapped: concatBytes(head, hex(c.nonce), gcm(key, hex(c.nonce), labelled("kith v1 vault", head)).encrypt(hex(c.key))) };
  });
});
