import { beforeEach, expect, test, vi } from "vitest";
import Dot from "../src/components/Dot.svelte";
import Help from "../src/components/Help.svelte";
import Compare from "../src/views/Compare.svelte";
import ConnectionOne from "../src/views/ConnectionOne.svelte";
import Reader from "../src/components/Reader.svelte";
import Waits from "../src/views/Waits.svelte";
import Ways from "../src/views/Ways.svelte";
import type { ContactStatus } from "../src/lib/api";
import { contacts } from "../src/lib/contacts.svelte";
import { invitation, pastedLine, safetyNumber } from "../src/lib/kinds";
import { qr } from "../src/lib/qr";
import { flushSync } from "svelte";
import { render } from "./render";
import { answers, contact } from "./samples";

vi.mock("../src/lib/scan", () => ({ readPicture: async (file: File) => file.text() }));

beforeEach(() => {
  contacts.all = new Map();
});

const status = (more: Partial<ContactStatus> = {}): ContactStatus => ({ account: "bob", name: "Bob", connection: "connecting", links: [], tries: 2, waiting: 1, ways: [], ...more });
const words = (box: HTMLElement) => box.textContent!.replace(/\s+/g, " ");

test("the next try is counted down", () => {
  const soon = new Date(Date.now() + 7_500).toISOString();
  expect(words(render(ConnectionOne, { account: "bob", status: status({ next_try: soon }), attempt: () => {} }))).toMatch(/1 message waits for them\. 2 tries so far\. Next try in 8 s\./);
  const late = new Date(Date.now() + 600_000).toISOString();
  expect(words(render(ConnectionOne, { account: "bob", status: status({ next_try: late }), attempt: () => {} }))).toMatch(/Next try at \d+:\d+/);
  const linked = words(render(ConnectionOne, { account: "bob", status: status({ connection: "connected", next_try: soon }), attempt: () => {} }));
  expect(linked).not.toContain("Next try");
});

test("who is blocked is not tried", () => {
  const box = render(ConnectionOne, { account: "bob", status: status({ connection: "blocked" }), attempt: () => {} });
  expect([...box.querySelectorAll("button")].map((b) => b.textContent)).toEqual(["Unblock", "Contact page"]);
});

test("each way tells its state and reason", () => {
  const box = render(Ways, { ways: [{ way: "lan", working: false, reason: "This device is on no network.", since: "0001-01-01T00:00:00Z" }, { way: "xmpp", working: true, reason: "<b>Fine.</b>", since: new Date().toISOString() }] });
  const [lan, other] = [...box.querySelectorAll("li")].map(words);
  expect(lan).toBe(" Local network not working This device is on no network.");
  expect(other).toMatch(/xmpp working since .*<b>Fine\.<\/b>/);
});

test("a request and a warning wait for an answer", () => {
  expect(contacts.waits).toBe(false);
  contacts.take(contact("carl", { relation: "asking", warning: "You know somebody of that name." }));
  expect([contacts.waits, contacts.warned.length]).toEqual([true, 0]);
  contacts.take(contact("carl"));
  contacts.take(contact("bob", { warning: "Bob uses a new device key." }));
  expect([contacts.waits, contacts.warned.map((c) => c.account)]).toEqual([true, ["bob"]]);
  expect(words(render(Waits, { requests: contacts.requests, warned: contacts.warned }))).toMatch(/bob · Bob uses a new device key\. Compare safety numbers bob/);
});

test("what blinks has a mark for who wants no motion", () => {
  expect(render(Dot, { light: "connected", blink: true }).querySelector(".mark")).not.toBeNull();
  expect(render(Dot, { light: "connected" }).querySelector(".mark")).toBeNull();
});

test("help says what word it is for, and is not there before", () => {
  const box = render(Help, { word: "Hidden", text: "Nobody finds you." });
  const button = box.querySelector("button")!;
  expect([button.getAttribute("aria-label"), button.getAttribute("aria-expanded"), box.textContent!.trim()]).toEqual(["Help: Hidden", "false", "?"]);
  expect(box.querySelector("[popover]")!.id).toBe(button.getAttribute("popovertarget"));
});

test("lines are told apart", () => {
  const lines = ["kith:AbC-_9", "kith-offer:AbC", "kith-answer:AbC", "1".repeat(60), "https://example.org", "kith:<b>"];
  expect(lines.map((l) => [invitation, pastedLine, safetyNumber].map((kind) => +kind.test(l)).join(""))).toEqual(["100", "010", "010", "001", "000", "000"]);
});

test("a line that is too long has no code", () => {
  expect([qr("x".repeat(2331))!.size, qr("x".repeat(2332))]).toEqual([185, undefined]);
});

// choose gives a reader a picture that holds a text.
function choose(box: HTMLElement, text: string) {
  const field = box.querySelector<HTMLInputElement>("input[type=file]")!;
  Object.defineProperty(field, "files", { value: [new File([text], "code.png")], configurable: true });
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

test("a reader takes what is wanted, and nothing else", async () => {
  const found = vi.fn();
  const box = render(Reader, { wanted: invitation, wrong: "No invitation.", found });
  choose(box, "https://example.org/");
  await vi.waitFor(() => expect(box.querySelector("[role=alert]")?.textContent).toBe("No invitation."));
  expect(found).not.toHaveBeenCalled();
  choose(box, "kith:\nAbC ");
  await vi.waitFor(() => expect(found).toHaveBeenCalledWith("kith:AbC"));
  expect(box.querySelector("[role=alert]")).toBeNull();
});

test("safety numbers are compared digit by digit", async () => {
  const digits = "12345 ".repeat(12);
  const asked = answers({ "PUT /contacts/bob/verified": contact("bob", { verified: "2026-05-04T10:00:00Z" }) });
  const box = render(Compare, { account: "bob", name: "Bob", digits });
  const read = (text: string) => {
    [...box.querySelectorAll("button")].at(-1)!.click();
    flushSync();
    choose(box, text);
  };
  read(digits.replace("1", "2"));
  await vi.waitFor(() => expect(box.querySelector("[role=alert]")?.textContent).toContain("NOT the same."));
  expect(asked).toEqual([]);
  read(digits);
  await vi.waitFor(() => expect(box.querySelector(".good")?.textContent).toContain("The same."));
  await vi.waitFor(() => expect(asked).toEqual(["PUT /contacts/bob/verified"]));
  expect(box.querySelector("[role=alert]")).toBeNull();
});
