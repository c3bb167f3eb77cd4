// The known answers of envelopes, reproduced from the text of the protocol.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { describe, expect, it } from "vitest";
import { bundle, decapsulate, Device, encapsulate, publicOf, reset, type Start } from "./envelopes";

type Step = { from: "a" | "b"; text: string; arrives: boolean; epoch: number; number: number; nonce: string; envelope: string } & Partial<
  Record<"seed" | "coins" | "shared" | "root", string>
>;
type Prekey = { account: string; device_seed: string; id: number; seed: string; bundle: string };
type Case = Record<"secret" | "coins" | "shared" | "seed" | "root" | "reset_prekey_seed" | "reset_nonce" | "reset", string> & {
  from: [string, string];
  to: [string, string];
  generation: number;
  prekey: Prekey;
  steps: Step[];
  reset_prekey_id: number;
};

const cases: Case[] = JSON.parse(readFileSync(resolve("../testdata/vectors/ratchet.json"), "utf8")).cases;
const hex = hexToBytes;
const idOf = (id: number) => hex(id.toString(16).padStart(16, "0"));
const given = (value: string | undefined) => (value === undefined ? undefined : hex(value));
const x = ([account, device]: [string, string]) => concatBytes(hex(account), hex(device));

/** The two sides of a case's session, each from what it alone has. */
function sides(c: Case): Record<"a" | "b", Device> {
  const prekey = publicOf(hex(c.prekey.seed));
  const { enc, shared } = encapsulate(prekey, hex(c.coins));
  const start: Start = {
    secret: hex(c.secret), begins: x(c.from), owner: x(c.to), generation: c.generation, id: idOf(c.prekey.id), prekey, enc, shared,
  };
  return {
    a: new Device(start, "a", hex(c.seed)),
    b: new Device({ ...start, shared: decapsulate(hex(c.prekey.seed), enc) }, "b", hex(c.prekey.seed)),
  };
}

describe.each(cases.map((c, i) => [i, c] as const))("envelopes, read anew: %i", (_, c) => {
  it("offers the prekey", () => {
    expect(bytesToHex(bundle(hex(c.prekey.account), hex(c.prekey.device_seed), idOf(c.prekey.id), hex(c.prekey.seed)))).toBe(c.prekey.bundle);
  });

  it("begins with the same keys on both sides", () => {
    const { a, b } = sides(c);
    expect(bytesToHex(a.start.shared)).toBe(c.shared);
    expect(bytesToHex(b.start.shared)).toBe(c.shared);
    for (const side of [a, b]) expect(bytesToHex(side.epochs[0]!.root)).toBe(c.root);
  });

  it("seals every envelope, and opens it on the other side", () => {
    const both = sides(c);
    const late: Step[] = [];
    const arrive = (s: Step) => expect(new TextDecoder().decode(both[s.from === "a" ? "b" : "a"].open(hex(s.envelope)))).toBe(s.text);
    for (const [i, s] of c.steps.entries()) {
      const out = both[s.from].seal(utf8ToBytes(s.text), hex(s.nonce), { seed: given(s.seed), coins: given(s.coins) });
      expect(bytesToHex(out.envelope), `envelope ${i}`).toBe(s.envelope);
      expect(out.shared && bytesToHex(out.shared), `secret of turn ${i}`).toBe(s.shared);
      expect(out.root && bytesToHex(out.root), `root of turn ${i}`).toBe(s.root);
      if (s.arrives) arrive(s);
      else late.push(s);
    }
    expect(late.length).toBeGreaterThan(0);
    late.forEach(arrive);
  });

  it("resets", () => {
    const prekey = bundle(hex(c.prekey.account), hex(c.prekey.device_seed), idOf(c.reset_prekey_id), hex(c.reset_prekey_seed));
    expect(bytesToHex(reset(hex(c.secret), x(c.to), x(c.from), hex(c.reset_nonce), c.generation, prekey))).toBe(c.reset);
  });
});
