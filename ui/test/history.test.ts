// What is held of a conversation, and what of that is in the document.

import { beforeEach, describe, expect, test, vi } from "vitest";
import { contacts } from "../src/lib/contacts.svelte";
import { conversations } from "../src/lib/conversations.svelte";
import { compare, History, most } from "../src/lib/messages.svelte";
import { slice } from "../src/lib/slice";
import { answers, contact, conversation, message } from "./samples";

const ids = (h: History) => h.list.map((m) => m.id);

// A conversation of n messages, m0 to m(n-1), as the node pages it.
function served(n: number) {
  const all = Array.from({ length: n }, (_, i) => message(`m${i}`));
  const at = (id: string | null) => all.findIndex((m) => m.id === id);
  const asked = answers({
    "GET /conversations/conv/messages": (r: Request) => {
      const q = new URL(r.url).searchParams;
      const limit = Number(q.get("limit") ?? 50);
      if (q.has("before")) return all.slice(Math.max(0, at(q.get("before")) - limit), at(q.get("before")));
      if (q.has("after")) return all.slice(at(q.get("after")) + 1).slice(0, limit);
      return all.slice(-limit);
    },
    "GET /conversations/conv/position": (r: Request) => {
      const q = new URL(r.url).searchParams;
      const i = q.has("message") ? at(q.get("message")) : Math.min(n - 1, Number(q.get("number")));
      return { message: all[i]!.id, before: i, after: all.length - i - 1 };
    },
    ...Object.fromEntries(all.map((m) => [`GET /messages/${m.id}`, m])),
  });
  return { all, asked };
}

// sound makes sure that a window has no hole, nothing twice, and counts right.
function sound(h: History, all: readonly { id: string }[]) {
  expect(ids(h)).toEqual(all.slice(h.before, h.before + h.list.length).map((m) => m.id));
  expect(h.before + h.list.length + h.after).toBe(all.length);
  expect([h.older, h.newer]).toEqual([h.before > 0, h.after > 0]);
}

describe("a history", () => {
  test("holds a window that moves both ways", async () => {
    const { all } = served(2000);
    const h = new History("conv");
    await h.begin();
    await vi.waitFor(() => sound(h, all));
    expect([ids(h)[0], ids(h).at(-1), h.wish]).toEqual(["m1950", "m1999", { where: "end" }]);
    for (let i = 0; i < 10; i++) await h.loadOlder();
    sound(h, all);
    expect([h.list.length, ids(h)[0]]).toEqual([most, "m950"]);
    for (let i = 0; i < 20; i++) await h.loadNewer();
    sound(h, all);
    expect([h.list.length, ids(h).at(-1)]).toEqual([most, "m1999"]);
    for (let i = 0; i < 30; i++) await h.loadOlder();
    sound(h, all);
    expect(ids(h)[0]).toBe("m0");
  });

  test("jumps, also before it was ever at the end", async () => {
    const { all, asked } = served(2000);
    const h = new History("conv");
    await Promise.all([h.jump("m700"), h.begin()]);
    sound(h, all);
    expect([ids(h)[0], ids(h).at(-1), h.wish]).toEqual(["m650", "m750", { id: "m700", where: "middle" }]);
    await h.jumpTo({ number: 0 });
    sound(h, all);
    expect([ids(h)[0], h.wish]).toEqual(["m0", { id: "m0", where: "top" }]);
    asked.length = 0;
    await h.jumpTo({ number: 30 }, "here"); // it is held
    expect([h.wish, asked]).toEqual([{ id: "m30", where: "here" }, []]);
    await h.follow();
    sound(h, all);
    expect(ids(h).at(-1)).toBe("m1999");
  });

  test("shows the end where a jump fails", async () => {
    const { all } = served(10);
    const h = new History("conv");
    await expect(h.jump("gone")).rejects.toThrow();
    sound(h, all);
    expect(h.wish).toBeUndefined();
  });

  test("takes what is new and what has changed in its place, and asks nobody", async () => {
    const { all, asked } = served(200);
    const h = new History("conv");
    await h.begin();
    await vi.waitFor(() => sound(h, all));
    const before = h.list[3];
    asked.length = 0;
    h.take({ ...all[154]!, text: "changed", edited: true });
    expect([h.list[4]!.text, h.list[3] === before]).toEqual(["changed", true]);
    all.push(message("m200"));
    h.take(all[200]!);
    sound(h, all);
    all.splice(180, 0, message("zzz", { order: all[179]!.order }));
    h.take(all[180]!);
    sound(h, all);
    h.take({ ...all[3]!, edited: true }); // out of sight
    sound(h, all);
    expect(asked).toEqual([]);
  });

  test("does not take what comes after its end", async () => {
    const { all } = served(2000);
    const h = new History("conv");
    await h.jump("m700");
    all.push(message("m2000"));
    h.take(all[2000]!);
    sound(h, all);
  });

  test("does not lose what comes while a page is loading, nor undo a change", async () => {
    let answer: ((page: unknown) => void) | undefined;
    const h = new History("conv");
    h.list = [message("m0"), message("m1")];
    h.loaded = true;
    answers({ "GET /conversations/conv/messages": () => new Promise((done) => (answer = done)), "GET /messages/m0": message("m0", { state: "read" }) });
    const refreshing = h.refresh();
    await vi.waitFor(() => expect(answer).toBeDefined());
    h.take(message("m1", { deleted: true }));
    h.take(message("m2"));
    answer!([message("m1")]);
    await refreshing;
    expect(h.list.map((m) => [m.id, m.deleted, m.state])).toEqual([["m0", false, "read"], ["m1", true, "delivered"], ["m2", false, "delivered"]]);
  });

  test("has nothing twice that comes by itself while it is asked for", async () => {
    const { all, asked } = served(60);
    const h = new History("conv");
    await h.begin();
    all.push(message("m60"), message("m61"));
    const following = h.follow();
    await vi.waitFor(() => expect(asked.at(-1)).toMatch("after=m59"));
    h.take(all[61]!);
    await following;
    sound(h, all);
    expect(h.wish).toEqual({ where: "end" });
  });

  test("draws nothing again that is the same", async () => {
    const { all } = served(60);
    const h = new History("conv");
    await h.begin();
    const before = [...h.list];
    all[59] = { ...all[59]!, state: "read" };
    await h.refresh();
    expect(h.list.map((m, i) => m === before[i]).indexOf(false)).toBe(49);
  });
});

test("messages are in order, and at one time as their IDs are as numbers", () => {
  const at = (order: number, id: string) => message(id, { order });
  const sorted = [at(1, "zz"), at(2, "aa"), at(2, "az"), at(2, "a2"), at(2, "a7"), at(2, "2a")];
  expect([...sorted].reverse().sort(compare)).toEqual(sorted);
  expect(compare(sorted[2]!, sorted[2]!)).toBe(0);
});

test("a slice of what is held is in the document", () => {
  const list = Array.from({ length: 100 }, (_, i) => ({ id: `m${i}` }));
  const end = { where: "end" };
  expect(slice(list, undefined, undefined)).toEqual({ from: 70, to: 100 });
  expect(slice(list, "m20", "m60")).toEqual({ from: 20, to: 61 });
  expect(slice(list, "m20", undefined)).toEqual({ from: 20, to: 100 }); // and what will come
  expect(slice(list, "gone", "m60")).toEqual({ from: 70, to: 100 });
  expect(slice(list, "m20", "m60", { id: "m30", where: "top" })).toEqual({ from: 20, to: 61 });
  expect(slice(list, "m20", "m60", { id: "m3", where: "top" })).toEqual({ from: 0, to: 33 });
  expect(slice(list, "m20", "m60", end)).toEqual({ from: 84, to: 100 });
  expect(slice(list, "m90", undefined, end)).toEqual({ from: 90, to: 100 });
  expect(slice([], undefined, undefined)).toEqual({ from: 0, to: 0 });
});

describe("ten thousand conversations", () => {
  const names = Array.from({ length: 2500 }, (_, i) => `p${i}`);
  const all = names.map((n, i) => conversation(n, { last: message(`${n}-${5000 - i}`, { conversation: `conv-${n}` }) }));
  let asked: string[];
  let gate: Promise<void>; // before the second page
  beforeEach(() => {
    gate = Promise.resolve();
    contacts.all = new Map();
    conversations.list = [];
    asked = answers({
      "GET /conversations": async (r: Request) => {
        const q = new URL(r.url).searchParams;
        const from = q.has("after") ? all.findIndex((v) => v.id === q.get("after")) + 1 : 0;
        if (from) await gate;
        return all.slice(from, from + Number(q.get("limit")));
      },
      "GET /conversations/conv-p2400": conversation("p2400", { last: message("new-9000"), unread: 7 }),
    });
  });

  test("come by the page, and what changes meanwhile is kept", async () => {
    await conversations.begin();
    expect([conversations.loaded, conversations.rows.length]).toEqual([true, 40]);
    let open = () => {};
    gate = new Promise((done) => (open = done));
    const loading = conversations.load();
    await vi.waitFor(() => expect(conversations.list.length).toBe(1000));
    await conversations.touch("conv-p2400");
    open();
    await loading;
    expect([conversations.rows.length, conversations.rows[0]!.id, conversations.rows[0]!.unread]).toEqual([2500, "conv-p2400", 7]);
    expect(asked.filter((a) => a.startsWith("GET /conversations?")).length).toBe(4);
  });

  test("are the same objects if nothing of them has changed", async () => {
    contacts.all = new Map(names.map((n) => [n, contact(n)]));
    await conversations.load();
    const before = conversations.rows;
    contacts.take(contact("p7", { connection: "connecting" }));
    expect(conversations.rows.filter((v, i) => v !== before[i]).map((v) => v.id)).toEqual(["conv-p7"]);
  });

  test("with nobody who said something are sorted by name", () => {
    const order = () => conversations.rows.map((v) => v.name);
    contacts.all = new Map(["c", "É", "a", "d"].map((n) => [n, contact(n)]));
    expect(order()).toEqual(["a", "c", "d", "É"]);
    contacts.take(contact("a", { name: "z" }));
    expect(order()).toEqual(["c", "d", "É", "z"]);
  });
});
