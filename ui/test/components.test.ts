import { flushSync } from "svelte";
import { expect, test, vi } from "vitest";
import Action from "../src/components/Action.svelte";
import Formatted from "../src/components/Formatted.svelte";
import QR from "../src/components/QR.svelte";
import Bubble from "../src/views/Bubble.svelte";
import ConversationRow from "../src/views/ConversationRow.svelte";
import Reactions from "../src/views/Reactions.svelte";
import { self } from "../src/lib/me.svelte";
import { History } from "../src/lib/messages.svelte";
import { render } from "./render";
import { conversation, message } from "./samples";

const hostile = `<img src=x onerror=alert(1)><script>alert(2)</script> \u202Eevil\u202C [x](javascript:alert(3)) http://example.org/"onclick="x`;

test("what others write is text", () => {
  const box = render(Formatted, { text: hostile });
  expect(box.textContent).toContain("<img src=x onerror=alert(1)>");
  expect(box.querySelector("img, script")).toBeNull();
  const link = box.querySelector("a")!;
  expect([link.getAttribute("href"), link.rel, link.target]).toEqual(["http://example.org/", "noopener noreferrer", "_blank"]);
});

test("64 KiB are folded until they are wanted", () => {
  const box = render(Formatted, { text: "word ".repeat(13_000) });
  expect(box.textContent!.length).toBeLessThan(4000);
  box.querySelector<HTMLButtonElement>("button")!.click();
  flushSync();
  expect(box.textContent!.length).toBeGreaterThan(64_000);
});

test("a bubble says in words where it is", () => {
  const props = { first: true, last: true, history: new History("conv"), openMenu: () => {} };
  expect(render(Bubble, { ...props, message: message("1", { mine: true, state: "pending", edited: true }) }).textContent).toMatch(/You:.*edited.*Waiting/s);
  const gone = render(Bubble, { ...props, message: message("2", { deleted: true, text: "" }) });
  expect(gone.textContent).toContain("This message was deleted.");
  expect(gone.querySelector("button")).toBeNull();
});

test("what lies with a hub says where, and until when", () => {
  const held = message("3", { mine: true, state: "held", held_by: "hub.example", held_until: "2026-03-31T12:00:00Z" });
  const props = { first: true, last: true, history: new History("conv"), openMenu: () => {} };
  expect(render(Bubble, { ...props, message: held }).textContent).toMatch(/Held by hub\.example until .*2026/s);
});

test("reactions are counted, one's own is pressed", () => {
  self.me = { account: "me", device: "d", name: "Me", visible: true, encrypted: false, home: "/", version: "1" };
  const by = (from: string, emoji: string) => ({ from, from_name: from, emoji });
  const box = render(Reactions, { message: message("1", { reactions: [by("me", "👍"), by("bob", "👍"), by("eve", "🎉")] }), history: new History("conv") });
  const buttons = [...box.querySelectorAll("button")];
  expect(buttons.map((b) => [b.querySelector("bdi")!.textContent, b.getAttribute("aria-pressed"), b.title])).toEqual([["👍", "true", "me, bob"], ["🎉", "false", "eve"]]);
});

test("a row tells who, what and how many", () => {
  const box = render(ConversationRow, { row: conversation("Bob", { last: message("1", { text: "**Hello** you" }), unread: 3 }) });
  expect(box.textContent).toMatch(/Bob.*Connected.*Hello you.*3 unread messages/s);
});

test("an action tells what went wrong, and works again", async () => {
  const work = vi.fn().mockRejectedValueOnce(new Error("No way.")).mockResolvedValueOnce(undefined);
  const box = render(Action, { label: "Go", work, done: "Done." });
  const go = box.querySelector("button")!;
  go.click();
  await vi.waitFor(() => expect(box.querySelector("[role=alert]")?.textContent).toBe("No way."));
  go.click();
  await vi.waitFor(() => expect(box.querySelector("[role=status]")?.textContent).toBe("Done."));
  expect(box.querySelector("[role=alert]")).toBeNull();
});

test("a QR code is drawn here", () => {
  const box = render(QR, { text: "kith:AbC", label: "code" });
  expect(box.querySelector("path")!.getAttribute("d")).toMatch(/^M4 4h7v1h-7z/);
});
