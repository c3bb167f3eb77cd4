import { beforeEach, describe, expect, test, vi } from "vitest";
import { Failure } from "../src/lib/api";
import { entries } from "../src/lib/bubbles";
import { contacts } from "../src/lib/contacts.svelte";
import { conversations, merge } from "../src/lib/conversations.svelte";
import { loadDraft, saveDraft } from "../src/lib/drafts";
import { listen } from "../src/lib/events";
import { marked } from "../src/lib/found";
import { iceLines, parseIceLines } from "../src/lib/ice";
import { History, most } from "../src/lib/messages.svelte";
import { take } from "../src/lib/node";
import { nav } from "../src/lib/nav.svelte";
import { once } from "../src/lib/once";
import { connections } from "../src/lib/status.svelte";
import { Writing } from "../src/lib/writing.svelte";
import { answers, contact, conversation, message } from "./samples";

const ids = (h: History) => h.list.map((m) => m.id);

// A conversation of n messages, m0 to m(n-1), as the node pages it.
function served(n: number) {
  const all = Array.from({ length: n }, (_, i) => message(`m${i}`));
  const asked = answers({
    "GET /conversations/conv/messages": (r: Request) => {
      const q = new URL(r.url).searchParams;
      const limit = Number(q.get("limit") ?? 50);
      const at = (id: string | null) => all.findIndex((m) => m.id === id);
      if (q.has("before")) return all.slice(Math.max(0, at(q.get("before")) - limit), at(q.get("before")));
      if (q.has("after")) return all.slice(at(q.get("after")) + 1).slice(0, limit);
      return all.slice(-limit);
    },
    ...Object.fromEntries(all.map((m) => [`GET /messages/${m.id}`, m])),
  });
  return { all, asked };
}

describe("a history", () => {
  test("holds a window that moves both ways", async () => {
    served(2000);
    const h = new History("conv");
    await h.toEnd();
    expect([ids(h)[0], ids(h).at(-1), h.older, h.newer]).toEqual(["m1950", "m1999", true, false]);
    for (let i = 0; i < 20; i++) await h.loadOlder();
    expect([h.list.length, ids(h)[0], h.newer]).toEqual([most, "m950", true]);
    for (let i = 0; i < 40; i++) await h.loadNewer();
    expect([h.list.length, ids(h).at(-1), h.newer, h.older]).toEqual([most, "m1999", false, true]);
    expect(ids(h)).toEqual([...new Set(ids(h))]);
  });

  test("jumps", async () => {
    served(2000);
    const h = new History("conv");
    await h.jump("m700");
    expect([ids(h)[0], ids(h)[50], ids(h).at(-1), h.older, h.newer, h.wanted]).toEqual(["m650", "m700", "m750", true, true, "m700"]);
  });

  test("takes a change in its place, and asks for the place of what is new", async () => {
    const { all, asked } = served(10);
    const h = new History("conv");
    await h.toEnd();
    const before = h.list[3];
    asked.length = 0;
    await h.take({ ...all[4]!, text: "changed", edited: true });
    expect([h.list[4]!.text, h.list[3] === before, asked]).toEqual(["changed", true, []]);
    all.push(message("m10"));
    await h.take(all[10]!);
    expect(ids(h).at(-1)).toBe("m10");
    expect(h.list[3]).toBe(before); // what is the same is not drawn again
  });
});

test("a change that comes while a page is loading is not undone by it", async () => {
  let answer: ((page: unknown) => void) | undefined;
  const h = new History("conv");
  h.list = [message("m0"), message("m1")];
  answers({ "GET /conversations/conv/messages": () => new Promise((done) => (answer = done)) });
  const refreshing = h.refresh();
  await vi.waitFor(() => expect(answer).toBeDefined());
  await h.take(message("m1", { deleted: true }));
  answer!([message("m1")]);
  await refreshing;
  expect(h.list[1]!.deleted).toBe(true);
});

test("a conversation with something new goes to the front", () => {
  const [a, b] = [conversation("a", { last: message("1") }), conversation("b", { last: message("2") })];
  expect(merge([a, b], [{ ...b, unread: 1 }]).map((v) => v.id)).toEqual([a.id, b.id]);
  expect(merge([a, b], [{ ...b, last: message("3") }]).map((v) => v.id)).toEqual([b.id, a.id]);
  expect(merge([a], [b]).map((v) => v.id)).toEqual([b.id, a.id]);
});

describe("notices", () => {
  beforeEach(() => {
    contacts.all = new Map();
    conversations.list = [];
  });

  test("of people", () => {
    take({ type: "contact", contact: contact("bob", { relation: "asking" }) });
    expect(contacts.requests.map((c) => c.account)).toEqual(["bob"]);
    expect(conversations.rows).toEqual([]);
    take({ type: "contact", contact: contact("bob") });
    expect([contacts.requests.length, conversations.rows.map((v) => v.id)]).toEqual([0, ["conv-bob"]]);
    take({ type: "status", status: { account: "bob", name: "bob", connection: "disconnected", links: [], tries: 6, waiting: 0, ways: [] } });
    expect([contacts.get("bob")?.connection, connections.light]).toEqual(["disconnected", "disconnected"]);
    take({ type: "contact", contact: contact("bob", { relation: "removed" }) });
    expect(conversations.rows).toEqual([]);
  });

  test("of typing", () => {
    take({ type: "typing", typing: { conversation: "conv-bob", from: "bob", active: true } });
    expect(conversations.typing.has("conv-bob")).toBe(true);
    take({ type: "typing", typing: { conversation: "conv-bob", from: "bob", active: false } });
    expect(conversations.typing.size).toBe(0);
  });

  test("of messages update the row and the open conversation", async () => {
    answers({ "GET /conversations/conv": conversation("bob", { id: "conv", last: message("m1"), unread: 1 }), "GET /conversations/conv/messages": [message("m1")] });
    nav.conversation = "conv";
    nav.history = new History("conv");
    const told: string[] = [];
    take({ type: "message", message: message("m1") }, (m) => told.push(m.id));
    await vi.waitFor(() => expect([conversations.list[0]?.unread, nav.history && ids(nav.history)]).toEqual([1, ["m1"]]));
    expect(told).toEqual(["m1"]);
    nav.conversation = nav.history = undefined;
  });
});

describe("the stream of events", () => {
  class Source {
    static all: Source[] = [];
    readyState = 0;
    onopen?: () => void;
    onerror?: () => void;
    onmessage?: (e: { data: string; lastEventId: string }) => void;
    constructor(readonly url: string) {
      Source.all.push(this);
    }
    close() {
      this.readyState = 2;
    }
  }

  test("goes on where it was lost, waiting longer each time", () => {
    vi.useFakeTimers();
    vi.stubGlobal("EventSource", Source);
    const seen: unknown[] = [];
    const end = listen({ opened: (fresh) => seen.push(fresh), lost: () => seen.push("lost"), notice: (n) => seen.push(n.type) });
    const latest = () => Source.all.at(-1)!;
    latest().onopen!();
    latest().onmessage!({ data: '{"type":"me"}', lastEventId: "k-7" });
    latest().onerror!();
    expect(Source.all.length).toBe(1);
    vi.advanceTimersByTime(500);
    expect(latest().url).toBe("/api/v1/events?after=k-7");
    latest().onerror!();
    vi.advanceTimersByTime(999);
    expect(Source.all.length).toBe(2);
    vi.advanceTimersByTime(1);
    latest().onopen!();
    expect(seen).toEqual([true, "me", "lost", "lost", false]);
    latest().onerror!();
    end();
    vi.advanceTimersByTime(60_000);
    expect(Source.all.length).toBe(3);
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
});

describe("drafts", () => {
  test("survive, and make way for nonsense", () => {
    saveDraft("c", { text: "half", reply: "m1" });
    expect(loadDraft("c")).toEqual({ text: "half", reply: "m1" });
    saveDraft("c", { text: "" });
    expect(localStorage.length).toBe(0);
    localStorage.setItem("kith.draft.c", "{");
    expect(loadDraft("c")).toEqual({ text: "" });
  });

  test("come back when the node does not take them", async () => {
    const w = new Writing("conv", new History("conv"));
    w.text = "keep me";
    const sending = w.send(contact("bob"));
    w.text = "and this";
    await expect(sending).rejects.toThrow(Failure);
    expect(w.text).toBe("keep me\nand this");
    expect(loadDraft("conv").text).toBe("keep me\nand this");
  });

  test("wait while a message is changed", async () => {
    const h = new History("conv");
    h.list = [message("m1", { mine: true, text: "old" })];
    answers({ "PATCH /messages/m1": message("m1", { mine: true, text: "new", edited: true }) });
    const w = new Writing("conv", h);
    w.text = "draft";
    w.change(h.list[0]!);
    expect(w.text).toBe("old");
    w.text = "new";
    await w.send(contact("bob"));
    expect([h.list[0]!.text, w.text, w.edit]).toEqual(["new", "draft", undefined]);
  });
});

test("once runs once more for whoever asked meanwhile", async () => {
  let runs = 0;
  let finish = () => {};
  const work = once(() => new Promise<void>((done) => (runs++, (finish = done))));
  const first = work();
  const [second, third] = [work(), work()];
  finish();
  await first;
  await vi.waitFor(() => expect(runs).toBe(2));
  finish();
  await Promise.all([second, third]);
  expect(runs).toBe(2);
});

test("bubbles stand in groups and days", () => {
  const at = (id: string, from: string, minute: number, day = 4) => message(id, { from, sent: new Date(2026, 4, day, 10, minute).toISOString() });
  const list = entries([at("a", "x", 0), at("b", "x", 2), at("c", "y", 3), at("d", "y", 30), at("e", "y", 31, 5)]);
  expect(list.map((e) => [e.newDay, e.first, e.last])).toEqual([[true, true, false], [false, false, true], [false, true, true], [false, true, true], [true, true, true]]);
});

test("words that were found are marked", () => {
  const shape = (text: string, words: string) => marked(text, words).map((p) => (p.hit ? `[${p.text}]` : p.text)).join("");
  expect(shape("Un été à Évian", "ete evian")).toBe("Un [été] à [Évian]");
  expect(shape(`${"x ".repeat(100)}needle here`, "needle")).toMatch(/^….*\[needle\] here$/);
  expect(shape("nothing", "zzz")).toBe("nothing");
});

test("servers are lines of text", () => {
  const text = "stun:a.example:3478\nturn:b.example:3478 anna se cret";
  expect(iceLines(parseIceLines(`\n ${text} \n`))).toBe(text);
});
