import { beforeEach, describe, expect, test, vi } from "vitest";
import { entries } from "../src/lib/bubbles";
import { contacts } from "../src/lib/contacts.svelte";
import { conversations, merge } from "../src/lib/conversations.svelte";
import { marked } from "../src/lib/found";
import { iceLines, parseIceLines } from "../src/lib/ice";
import { History } from "../src/lib/messages.svelte";
import { take } from "../src/lib/node";
import { nav } from "../src/lib/nav.svelte";
import { once } from "../src/lib/once";
import { connections } from "../src/lib/status.svelte";
import { answers, contact, conversation, message } from "./samples";

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
    answers({ "GET /conversations/conv": conversation("bob", { id: "conv", last: message("m2"), unread: 2 }), "GET /conversations/conv/messages": [message("m1")] });
    conversations.list = [conversation("bob", { id: "conv", last: message("m1"), archived: true }), conversation("eve", { last: message("m0") })].reverse();
    nav.conversation = "conv";
    nav.history = new History("conv");
    await nav.history.begin();
    const told: string[] = [];
    take({ type: "message", message: message("m2") }, (m) => told.push(m.id));
    expect(nav.history.list.map((m) => m.id)).toEqual(["m1", "m2"]);
    const { id, unread, archived } = conversations.list[0]!;
    expect([id, unread, archived, told]).toEqual(["conv", 1, false, ["m2"]]); // at once
    await vi.waitFor(() => expect(conversations.list[0]!.unread).toBe(2)); // as the node has it
    take({ type: "message", message: message("m1", { text: "changed" }) });
    expect([nav.history.list[0]!.text, conversations.list[0]!.last!.id]).toEqual(["changed", "m2"]);
    nav.conversation = nav.history = undefined;
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
