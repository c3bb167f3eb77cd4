import { flushSync } from "svelte";
import { beforeEach, expect, test, vi } from "vitest";
import type { Hub } from "../src/lib/api";
import { contacts } from "../src/lib/contacts.svelte";
import { hubLight, hubs } from "../src/lib/hubs.svelte";
import { i18n } from "../src/i18n/index.svelte";
import { self } from "../src/lib/me.svelte";
import { nav } from "../src/lib/nav.svelte";
import { take } from "../src/lib/node";
import { announcements, spoke } from "../src/lib/notify.svelte";
import { settings } from "../src/lib/settings.svelte";
import { sentence } from "../src/lib/standing";
import { connections } from "../src/lib/status.svelte";
import ConnectionSheet from "../src/views/ConnectionSheet.svelte";
import HubNews from "../src/views/HubNews.svelte";
import Hubs from "../src/views/Hubs.svelte";
import { render } from "./render";
import { answers, contact, hub, hubNotice } from "./samples";

const me = { account: "me", device: "d", name: "Anna", visible: true, encrypted: false, home: "/home/anna/.kith", version: "1" };
const inAnHour = () => new Date(Date.now() + 59.5 * 60_000).toISOString();
const blocked = (name: string) => hub(name, { phase: "blocked", next: inAnHour(), reason: `The moderator of the hub ${name} blocked this device until 2026-05-04 11:00.` });
const words = (box: Element) => box.textContent!.replace(/\s+/g, " ").trim();
const press = (box: HTMLElement, name: string) => {
  [...box.querySelectorAll("button")].find((b) => words(b) === name || b.getAttribute("aria-label") === name)!.click();
  flushSync();
};

beforeEach(() => {
  [hubs.all, contacts.all, self.me, connections.online] = [[], new Map(), me, true];
  hubs.see();
});

test("each phase has its light", () => {
  const phases: Hub["phase"][] = ["connected", "connecting", "blocked", "waiting", "stopped"];
  expect(phases.map((phase) => hubLight(hub("h", { phase })))).toEqual(["connected", "connecting", "blocked", "disconnected", "disconnected"]);
});

test("a hub that keeps one out turns the light orange, if nothing else connects", () => {
  contacts.take(contact("bob", { connection: "disconnected" }));
  hubs.all = [hub("a.example", { own: false, phase: "blocked" })];
  expect([connections.light, connections.shut]).toEqual(["disconnected", undefined]);
  hubs.all = [blocked("b.example"), hub("c.example", { phase: "waiting" })];
  expect([connections.light, connections.shut?.name]).toEqual(["blocked", "b.example"]);
  hubs.all = [blocked("b.example"), hub("c.example")];
  expect(connections.light).toBe("disconnected");
  hubs.all = [blocked("b.example")];
  contacts.connection("bob", "connecting");
  expect(connections.light).toBe("connecting");
  contacts.connection("bob", "connected");
  expect([connections.light, connections.shut]).toEqual(["connected", undefined]);
});

test("the connection sheet says which hub, and how long", () => {
  answers({ "GET /status": { ways: [], addresses: [], contacts: [] } });
  hubs.all = [blocked("b.example")];
  expect(words(render(ConnectionSheet, { close: () => {} }).querySelector(".top [role=status]")!)).toBe("Blocked by the hub b.example, 1 h left");
});

test("without a hub, one sentence says what that is", async () => {
  answers({ "GET /hubs": [] });
  const box = render(Hubs, {});
  await vi.waitFor(() => expect(words(box)).toMatch(/You use no hub: .*“kith hub init”.*can read nothing/));
});

test("hubs tell how they do, what they do, and what they said", async () => {
  const parts = ["mailbox", "meet", "novelty", "relay"];
  answers({ "GET /hubs": [
    hub("a.example", { parts, notices: [hubNotice("a.example", 1), hubNotice("a.example", 2, { to_you: true, text: "<b>you</b>" })] }),
    blocked("b.example"),
    hub("c.example", { own: false, phase: "waiting", reason: "No connection to the hub c.example: the hub c.example restarts. It is tried again at 10:00:07.", parts: [] }),
  ] });
  const box = render(Hubs, {});
  await vi.waitFor(() => expect(box.querySelectorAll(".stack > li:not(.notice)").length).toBe(3));
  const [a, b, c] = [...box.querySelectorAll(".stack > li:not(.notice)")];
  expect(words(a!)).toMatch(/^a\.example Connected It does this: novelty, brings devices together, passes on .*, and keeps .*\. There this device is called 4mnti3p7q2xzabcd 2 notices/);
  expect([...a!.querySelectorAll(".notice .text")].map((n) => n.textContent)).toEqual(["<b>you</b>", "word 1"]);
  expect(words(a!.querySelector(".notice")!)).toContain("· to this device alone");
  expect(words(b!)).toMatch(/^b\.example Blocked, 1 h left The moderator/);
  expect(words(c!)).toMatch(/^c\.example Not connected No connection .* A contact’s hub/);
  expect([a, b, c].map((li) => [li!.querySelector("svg")!.getAttribute("class")!.split(" ")[0], !!li!.querySelector("button.bad")])).toEqual([["connected", true], ["blocked", true], ["disconnected", false]]);
});

test("a hub that keeps files says how many, and one chooses which", async () => {
  let said: unknown;
  const before = { read_marks: true, typing_marks: true, dht: true, map_ports: true, keep_files: "own" };
  answers({
    "GET /hubs": [hub("a.example", { parts: ["seedbox"], space: { quota: 5e9, used: 1.2e9 } })],
    "GET /me/preferences": before,
    "PUT /me/preferences": async (r: Request) => (said = await r.json()),
  });
  const box = render(Hubs, {});
  await vi.waitFor(() => expect(box.querySelectorAll("input[type=radio]").length).toBe(3));
  expect(words(box)).toContain("It keeps files of yours: 1.2 GB of 5 GB.");
  expect(box.querySelector<HTMLInputElement>("input[value=own]")!.checked).toBe(true);
  box.querySelector<HTMLInputElement>("input[value=all]")!.click();
  await vi.waitFor(() => expect(said).toEqual({ ...before, keep_files: "all" }));
  await vi.waitFor(() => expect(box.querySelector<HTMLInputElement>("input[value=all]")!.checked).toBe(true));
});

test("where no hub keeps files, nothing is asked about it", async () => {
  const asked = answers({ "GET /hubs": [hub("a.example"), hub("b.example", { own: false, space: { quota: 5e9, used: 0 } })] });
  const box = render(Hubs, {});
  await vi.waitFor(() => expect(box.querySelectorAll(".stack > li").length).toBe(2));
  expect([box.querySelectorAll("input[type=radio]").length, asked]).toEqual([0, ["GET /hubs"]]);
});

test("a hub is added, and removed after a question", async () => {
  let list: Hub[] = [];
  let said: unknown;
  const asked = answers({
    "GET /hubs": () => list,
    "POST /hubs": async (r: Request) => ((said = await r.json()), (list = [hub("hub.example.org", { phase: "connecting" })])[0]),
    "DELETE /hubs": () => ((list = []), null),
  });
  const box = render(Hubs, {});
  await vi.waitFor(() => expect(box.querySelector("input")).not.toBeNull());
  const [field, form] = [box.querySelector("input")!, box.querySelector("form")!];
  form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  expect(asked).toEqual(["GET /hubs"]);
  field.value = " hub.example.org ";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
  form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await vi.waitFor(() => expect(words(box)).toContain("hub.example.org Connecting"));
  expect([said, field.value]).toEqual([{ url: "hub.example.org" }, ""]);
  press(box, "Remove hub.example.org");
  expect(asked.some((a) => a.startsWith("DELETE"))).toBe(false);
  press(box, "Really remove");
  await vi.waitFor(() => expect(words(box)).toContain("You use no hub"));
  expect(asked).toContain("DELETE /hubs?url=https%3A%2F%2Fhub.example.org");
});

test("a refusal of a hub's address is shown", async () => {
  globalThis.fetch = async (r) => ((r as Request).method === "GET" ? Response.json([]) : Response.json({ kind: "invalid", detail: "“x y” is not the address of a hub" }, { status: 422 }));
  const box = render(Hubs, {});
  await vi.waitFor(() => expect(box.querySelector("input")).not.toBeNull());
  box.querySelector("input")!.value = "x y";
  box.querySelector("input")!.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
  box.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await vi.waitFor(() => expect(box.querySelector("[role=alert]")?.textContent).toBe("“x y” is not the address of a hub."));
  expect(box.querySelector("input")!.value).toBe("x y");
});

test("a moderator's notice shows at once, until it was seen, and stays in the list", () => {
  hubs.all = [hub("a.example")];
  const box = render(HubNews, {});
  expect(words(box)).toBe("");
  const notice = hubNotice("a.example", 1, { text: "Closed on Monday." });
  take({ type: "hub-notice", hub_notice: notice }, () => {}, spoke);
  take({ type: "hub-notice", hub_notice: notice });
  flushSync();
  expect(words(box)).toBe("The hub a.example says: Closed on Monday. Read");
  expect(announcements.list.at(-1)!.text).toBe("The hub a.example says: Closed on Monday.");
  take({ type: "hub-notice", hub_notice: hubNotice("a.example", 2) });
  flushSync();
  expect(words(box)).toBe("The hub a.example says: word 2 and 1 more");
  press(box, "Dismiss");
  expect([words(box), hubs.all[0]!.notices.length]).toEqual(["", 2]);
  take({ type: "hub-notice", hub_notice: hubNotice("a.example", 3) });
  take({ type: "hub-notice", hub_notice: hubNotice("a.example", 4) });
  flushSync();
  press(box, "and 1 more");
  expect([words(box), nav.dialog]).toEqual(["", { kind: "settings", page: "network" }]);
  expect(JSON.parse(localStorage.getItem("kith.hubs.seen")!)).toEqual({ "a.example": "2026-05-04T10:00:04Z" });
});

test("a change of the hubs loads them again", async () => {
  answers({ "GET /hubs": [hub("a.example")] });
  take({ type: "hubs" });
  await vi.waitFor(() => expect(hubs.all.map((h) => h.name)).toEqual(["a.example"]));
});

test("what the node says of hubs and calls is worded in French", () => {
  settings.set("language", "fr");
  const worded = [
    "Connected to the hub a.example.",
    "Connecting to the hub a.example.",
    "The moderator of the hub a.example:8443 blocked this device until 2026-05-04 11:00.",
    "No connection to the hub a.example: The hub ended the connection.. It is tried again at 10:00:07.",
    "No connection to the hub a.example: the hub a.example restarts. It is tried again at 10:00:07.",
    "No connection to the hub a.example: the connection to the hub a.example was lost: EOF. It is tried again at 10:00:07.",
    "No connection to the hub a.example: the hub a.example does not greet as hubs do. It is tried again at 10:00:07.",
    "The hub a.example is not used now.",
    "the hub a.example can't be used now: the connection is being made",
    "Nobody is connected who could bring others together.",
    "Somebody who is connected can bring others together.",
    "3 devices that are connected can bring others together.",
    "they are not there now",
    "word was left for them, and no answer came yet",
    "they call at the same moment",
    "this device stops looking for others",
    "somebody else answered",
    "they were told, but no path came of it: context deadline exceeded",
    "No node of the DHT answers: this network may block it.",
    "Looks for nodes of the public DHT.",
    "Searches the public DHT; 1 node answers.",
    "Searches the public DHT; 37 nodes answer.",
    "Switched off.",
  ].map(sentence);
  settings.set("language", "system");
  expect(worded.filter((s) => /\b(the|this|is|of|they|not|now|connected|others)\b/i.test(s))).toEqual([]);
  expect(worded.filter((s) => !/^[\p{Lu}\d]/u.test(s) || !s.endsWith(".") || s.includes(".."))).toEqual([]);
  expect(worded[2]).toBe("Le modérateur du hub a.example:8443 a bloqué cet appareil jusqu’au 2026-05-04 11:00.");
  expect(i18n.locale).toBe("en");
});
