// A second reading of section "Envelopes" of docs/protocol.md: what one device
// of a session keeps, seals and opens. Nothing here is random: what a device
// draws is given to it.
import { gcm } from "@noble/ciphers/aes.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { expand, extract, hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { ml_kem768_x25519 as xwing } from "@noble/post-quantum/hybrid.js";

export type Bytes = Uint8Array;

const lengths = { seed: 32, public: 1216, enc: 1120, nonce: 12, tag: 16, key: 32 };
const none: Bytes = new Uint8Array(0);

const numbers = (...list: number[]): Bytes => {
  const view = new DataView(new ArrayBuffer(4 * list.length));
  list.forEach((n, i) => view.setUint32(4 * i, n));
  return new Uint8Array(view.buffer);
};
const derive = (secret: Bytes, n: number, label: string, ...bound: Bytes[]) =>
  hkdf(sha256, secret, undefined, concatBytes(utf8ToBytes(label), Uint8Array.of(0), ...bound), n);
const seal = (key: Bytes, nonce: Bytes, plain: Bytes, bound: Bytes) => gcm(key, nonce, bound).encrypt(plain);
const open = (key: Bytes, nonce: Bytes, sealed: Bytes, bound: Bytes) => gcm(key, nonce, bound).decrypt(sealed);

/** What HPKE (RFC 9180) in base mode exports of a secret that X-Wing gave. */
function exported(secret: Bytes): Bytes {
  const suite = concatBytes(utf8ToBytes("HPKE"), Uint8Array.of(0x64, 0x7a, 0x00, 0x01, 0xff, 0xff));
  const version = utf8ToBytes("HPKE-v1");
  const pick = (salt: Bytes, label: string, input: Bytes) => extract(sha256, concatBytes(version, suite, utf8ToBytes(label), input), salt);
  const widen = (key: Bytes, label: string, info: Bytes) =>
    expand(sha256, key, concatBytes(Uint8Array.of(0, 32), version, suite, utf8ToBytes(label), info), 32);
  const schedule = concatBytes(
    Uint8Array.of(0), // mode: base
    pick(none, "psk_id_hash", none),
    pick(none, "info_hash", utf8ToBytes("kith v1 envelope key")),
  );
  return widen(widen(pick(secret, "secret", none), "exp", schedule), "sec", none);
}

export const publicOf = (seed: Bytes): Bytes => xwing.keygen(seed).publicKey;

export function encapsulate(to: Bytes, coins: Bytes): { enc: Bytes; shared: Bytes } {
  const { cipherText, sharedSecret } = xwing.encapsulate(to, coins);
  return { enc: cipherText, shared: exported(sharedSecret) };
}

export const decapsulate = (seed: Bytes, enc: Bytes): Bytes => exported(xwing.decapsulate(enc, seed));

/** bundle is a prekey as its device offers it. */
export function bundle(account: Bytes, deviceSeed: Bytes, id: Bytes, seed: Bytes): Bytes {
  const said = concatBytes(Uint8Array.of(1), ed25519.getPublicKey(deviceSeed), id, publicOf(seed));
  return concatBytes(said, ed25519.sign(concatBytes(utf8ToBytes("kith v1 prekey"), Uint8Array.of(0), account, said), deviceSeed));
}

export function reset(secret: Bytes, sender: Bytes, receiver: Bytes, nonce: Bytes, generation: number, prekey: Bytes): Bytes {
  const key = derive(secret, 32, "kith v1 envelope reset", sender, receiver);
  return concatBytes(Uint8Array.of(4), nonce, seal(key, nonce, concatBytes(numbers(generation), prekey), Uint8Array.of(4)));
}

/** padded fills a text up to its bucket. */
function padded(text: Bytes): Bytes {
  const size = text.length + 1;
  let unit = 256;
  if (size > 4096) {
    let power = 4096;
    while (2 * power < size) power *= 2;
    unit = power / 8;
  }
  const body = new Uint8Array(Math.ceil(size / unit) * unit);
  body.set(text);
  body[text.length] = 0x80;
  return body;
}

function unpadded(body: Bytes): Bytes {
  const end = body.lastIndexOf(0x80);
  if (end < 0 || body.slice(end + 1).some((b) => b !== 0)) throw new Error("no text in this body");
  return body.slice(0, end);
}

/** A way is what goes in one direction in an epoch. */
type Way = { chain: Bytes; header: Bytes; count: number; kept: Map<number, Bytes> };
type Epoch = { root: Bytes; own: Way; theirs: Way };

/** Who begins a session knows this of the prekey; its owner gets it in the first envelope. */
export type Start = { secret: Bytes; begins: Bytes; owner: Bytes; generation: number; id: Bytes; prekey: Bytes; enc: Bytes; shared: Bytes };
type Turn = { seed: Bytes; public: Bytes; enc: Bytes };

/** A Device is one side of a session. */
export class Device {
  readonly epochs: Epoch[] = [];
  private at = 0; // the epoch it sends in
  private ownSeed: Bytes; // of its public key that the other knows last
  private theirPublic: Bytes | undefined; // that serves next
  private turn: Turn | undefined; // its own, until it is answered
  private since = 0; // envelopes since the turn was last sent
  private heard = false;

  constructor(readonly start: Start, readonly side: "a" | "b", seed: Bytes) {
    const bound = concatBytes(start.begins, start.owner, numbers(start.generation), start.id, start.prekey, start.enc);
    this.epochs.push(this.split(derive(concatBytes(start.shared, start.secret), 160, "kith v1 envelope session", bound)));
    this.ownSeed = seed;
  }

  private split(keys: Bytes): Epoch {
    const [root, chainA, headerA, chainB, headerB] = [0, 32, 64, 96, 128].map((at) => keys.slice(at, at + 32)) as [Bytes, Bytes, Bytes, Bytes, Bytes];
    const a = { chain: chainA, header: headerA, count: 0, kept: new Map() };
    const b = { chain: chainB, header: headerB, count: 0, kept: new Map() };
    return this.side === "a" ? { root, own: a, theirs: b } : { root, own: b, theirs: a };
  }

  private after(epoch: number, shared: Bytes, pub: Bytes, enc: Bytes): Epoch {
    const root = this.epochs[epoch]!.root;
    return this.split(derive(concatBytes(root, shared), 160, "kith v1 envelope epoch", numbers(epoch + 1), pub, enc));
  }

  /** makesTurn tells whether it is this device that makes the next epoch: b the first, and then in turn. */
  private makesTurn(): boolean {
    return this.side === (this.at % 2 === 0 ? "b" : "a") && this.theirPublic !== undefined;
  }

  /** seal seals a text; seed and coins are for a turn, if this envelope begins one. */
  seal(text: Bytes, nonce: Bytes, draw: { seed?: Bytes | undefined; coins?: Bytes | undefined }): { envelope: Bytes; shared?: Bytes; root?: Bytes } {
    const sent = (epoch: number) => this.epochs[epoch]?.own.count ?? 0;
    const { own } = this.epochs[this.at]!;
    const header = numbers(own.count, sent(this.at - 1), sent(this.at - 2));
    const opening = this.side === "a" && !this.heard;
    let made: { shared: Bytes; root: Bytes } | undefined;
    let lead: Bytes;
    let more: Bytes = none;
    if (opening) {
      lead = this.opening();
      more = publicOf(this.ownSeed);
    } else {
      if (!this.turn && this.makesTurn()) {
        const { enc, shared } = encapsulate(this.theirPublic!, draw.coins!);
        const pub = publicOf(draw.seed!);
        const next = this.after(this.at, shared, pub, enc);
        this.turn = { seed: draw.seed!, public: pub, enc };
        this.epochs.push(next);
        this.since = 0;
        made = { shared, root: next.root };
      }
      const turns = this.turn !== undefined && this.since++ % 16 === 0;
      lead = Uint8Array.of(turns ? 2 : 1);
      if (turns) more = concatBytes(this.turn!.public, this.turn!.enc);
    }
    const front = concatBytes(lead, nonce, seal(own.header, nonce, concatBytes(header, more), lead));
    const envelope = concatBytes(front, seal(step(own), nonce, padded(text), front));
    return made ? { envelope, ...made } : { envelope };
  }

  private opening(): Bytes {
    const { id, enc, shared, begins, generation } = this.start;
    const front = concatBytes(Uint8Array.of(3), id, enc);
    const sender = seal(derive(shared, 32, "kith v1 envelope sender"), new Uint8Array(12), concatBytes(begins, numbers(generation)), front);
    return concatBytes(front, sender);
  }

  /** open opens an envelope of the other side. */
  open(envelope: Bytes): Bytes {
    const lead = envelope[0] === 3 ? 1 + 8 + lengths.enc + 64 + 4 + lengths.tag : 1;
    const extra = envelope[0] === 3 ? lengths.public : envelope[0] === 2 ? lengths.public + lengths.enc : 0;
    const nonce = envelope.slice(lead, lead + lengths.nonce);
    const end = lead + lengths.nonce + 12 + extra + lengths.tag;
    for (let at = this.epochs.length - 1; at >= 0; at--) {
      const { theirs } = this.epochs[at]!;
      let header: Bytes;
      try {
        header = open(theirs.header, nonce, envelope.slice(lead + lengths.nonce, end), envelope.slice(0, lead));
      } catch {
        continue; // of another epoch
      }
      const text = unpadded(open(keyOf(theirs, new DataView(header.buffer, header.byteOffset).getUint32(0)), nonce, envelope.slice(end), envelope.slice(0, end)));
      this.took(at, header.slice(12));
      return text;
    }
    throw new Error("no epoch opens this");
  }

  private took(at: number, more: Bytes): void {
    this.heard = true;
    if (at > this.at) {
      this.at = at; // they answered our turn: its seed is the present one, and theirs is used up
      this.ownSeed = this.turn!.seed;
      this.theirPublic = undefined;
      this.turn = undefined;
    }
    if (more.length === 0 || this.epochs.length > at + 1) return;
    const pub = more.slice(0, lengths.public);
    const enc = more.slice(lengths.public);
    this.theirPublic = pub;
    if (enc.length === 0) return;
    this.epochs.push(this.after(at, decapsulate(this.ownSeed, enc), pub, enc));
    this.at = at + 1;
  }
}

/** step takes the next key off a chain. */
function step(way: Way): Bytes {
  const both = derive(way.chain, 64, "kith v1 envelope step");
  way.chain = both.slice(0, 32);
  way.count++;
  return both.slice(32);
}

/** keyOf gives the key of an envelope, and keeps those of the ones that it overtook. */
function keyOf(way: Way, number: number): Bytes {
  while (way.count <= number) way.kept.set(way.count, step(way));
  const key = way.kept.get(number);
  if (!key) throw new Error("the key of this envelope is gone");
  way.kept.delete(number);
  return key;
}
