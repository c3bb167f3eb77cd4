// A second reading of docs/protocol.md, with other primitives than Go's: what it
// says must lead to the vectors.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { ctr, ecb } from "@noble/ciphers/aes.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, it } from "vitest";

type Case = Record<string, string>;

const cases = (name: string): Case[] =>
  JSON.parse(readFileSync(resolve("../testdata/vectors", `${name}.json`), "utf8")).cases;

const hex = hexToBytes;
const zero = new Uint8Array(1);
const label = (text: string, ...rest: Uint8Array[]) => concatBytes(utf8ToBytes(text), zero, ...rest);
const derive = (secret: Uint8Array, n: number, text: string, ...bound: Uint8Array[]) =>
  hkdf(sha256, secret, undefined, label(text, ...bound), n);
const sorted = (a: string, b: string) => (a < b ? [a, b] : [b, a]);

/** Checks that every case of a file comes out as the reading says. */
function hold(name: string, read: (c: Case) => Record<string, string | boolean>) {
  it.each(cases(name).map((c, i) => [i, c] as const))(`${name} %i`, (_, c) => {
    for (const [field, value] of Object.entries(read(c))) expect(value, field).toEqual(value === true ? true : c[field]);
  });
}

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((b) => b.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{1,5}/g) ?? []).map((five) => "abcdefghijklmnopqrstuvwxyz234567"[parseInt(five.padEnd(5, "0"), 2)]).join("");
}

function safetyHalf(account: Uint8Array): string {
  let h = sha512(label("kith v1 safety number", account));
  for (let i = 0; i < 5200; i++) h = sha512(concatBytes(h, account));
  const groups: string[] = [];
  for (let at = 0; at < 30; at += 5) groups.push((parseInt(bytesToHex(h.slice(at, at + 5)), 16) % 100000).toString().padStart(5, "0"));
  return groups.join(" ");
}

describe("the protocol, read anew", () => {
  hold("ids", (c) => ({ text: base32(hex(c.hex!)) }));
  hold("conversations", (c) => ({ id: bytesToHex(sha256(concatBytes(utf8ToBytes("kith direct conversation v1"), ...sorted(c.a!, c.b!).map(hex)))) }));
  hold("eventids", (c) => ({
    id: c.nonce + bytesToHex(sha256(concatBytes(utf8ToBytes("kith event v1"), hex(c.nonce!), hex(c.conversation!), hex(c.account!)))).slice(0, 16),
  }));
  hold("certifications", (c) => ({
    account: bytesToHex(ed25519.getPublicKey(hex(c.account_seed!))),
    device: bytesToHex(ed25519.getPublicKey(hex(c.device_seed!))),
    certification: bytesToHex(ed25519.sign(label("kith v1 device certification", hex(c.device!)), hex(c.account_seed!))),
  }));
  hold("safety", (c) => ({ number: [c.a!, c.b!].map((account) => safetyHalf(hex(account))).sort().join(" ") }));
  hold("pairs", (c) => {
    const [a, b] = sorted(c.a!, c.b!);
    const halves = a === c.a ? [c.half_a!, c.half_b!] : [c.half_b!, c.half_a!];
    return { pair: bytesToHex(derive(concatBytes(...halves.map(hex)), 32, "kith v1 pair secret", hex(a!), hex(b!))) };
  });
  hold("doors", (c) => {
    const tag = derive(hex(c.secret!), 16, "kith v1 door tag");
    const sealed = ecb(tag, { disablePadding: true }).encrypt(hex(c.nonce!));
    return {
      tag: bytesToHex(tag),
      integrity: bytesToHex(derive(hex(c.secret!), 32, "kith v1 door integrity")),
      username: c.nonce + bytesToHex(sealed),
    };
  });
  hold("proofs", (c) => ({
    proof: bytesToHex(hmac(sha256, derive(hex(c.secret!), 32, "kith v1 invitation proof"), concatBytes(hex(c.binding!), hex(c.joiner!)))),
  }));
  hold("selftags", (c) => ({
    tag: bytesToHex(hmac(sha256, hex(c.self_key!), label("kith v1 self tag", hex(c.conversation!), hex(c.device!), hex(c.raw!)))).slice(0, 32),
  }));
  hold("sphereproofs", (c) => ({
    proof: bytesToHex(ed25519.sign(label("kith v1 sphere event", hex(c.conversation!), hex(c.account!), hex(c.raw!)), hex(c.device_seed!))),
  }));
  hold("records", (c) => ({
    id: bytesToHex(sha256(concatBytes(utf8ToBytes("kith record v1"), hex(c.account!), ed25519.getPublicKey(hex(c.device_seed!)), hex(c.raw!)))),
    proof: bytesToHex(ed25519.sign(label("kith v1 record", hex(c.account!), hex(c.raw!)), hex(c.device_seed!))),
  }));
  hold("fellows", (c) => {
    const [a, b] = sorted(c.a!, c.b!);
    const [doorA, doorB] = a === c.a ? [c.door_a!, c.door_b!] : [c.door_b!, c.door_a!];
    const secret = (own: string, theirs: string) =>
      bytesToHex(derive(x25519.getSharedSecret(hex(own), hex(theirs)), 32, "kith v1 fellow secret", hex(a!), hex(b!), hex(doorA!), hex(doorB!)));
    return {
      door_a: bytesToHex(x25519.getPublicKey(hex(c.secret_a!))),
      door_b: bytesToHex(x25519.getPublicKey(hex(c.secret_b!))),
      fellow: secret(c.secret_a!, c.door_b!),
      same: secret(c.secret_b!, c.door_a!) === c.fellow,
    };
  });
  hold("files", (c) => {
    const keys = derive(hex(c.secret!), 48, "kith v1 file");
    const offset = BigInt(c.offset!);
    const first = (BigInt("0x" + bytesToHex(keys.slice(32))) + offset / 16n) % 2n ** 128n;
    const skip = Number(offset % 16n);
    const padded = concatBytes(new Uint8Array(skip), hex(c.plain!));
    const sealed = ctr(keys.slice(0, 32), hex(first.toString(16).padStart(32, "0"))).encrypt(padded);
    return { sealed: bytesToHex(sealed.slice(skip)) };
  });
});
