import { createRawSnippet, flushSync } from "svelte";
import { describe, expect, test, vi } from "vitest";
import Restore from "../src/views/Restore.svelte";
import Reach from "../src/views/Reach.svelte";
import SettingsKeys from "../src/views/SettingsKeys.svelte";
import SettingsStorage from "../src/views/SettingsStorage.svelte";
import Tabs from "../src/components/Tabs.svelte";
import type { Key, Storage } from "../src/lib/api";
import { i18n } from "../src/i18n/index.svelte";
import { self } from "../src/lib/me.svelte";
import { settings } from "../src/lib/settings.svelte";
import { size } from "../src/lib/size";
import { backups, proposed } from "../src/lib/storage";
import { render } from "./render";
import { answers } from "./samples";

const me = { account: "me", device: "d", name: "Anna", visible: true, encrypted: false, home: "/home/anna/.kith", version: "1" };

test("sizes are short", () => {
  expect([0, 1, 999, 1500, 9_960, 999_600, 52_345_678, 3.2e12].map((n) => size("en", n))).toEqual(["0 bytes", "1 byte", "999 bytes", "1.5 kB", "10 kB", "1 MB", "52 MB", "3.2 TB"]);
  expect(size("fr", 1_500_000)).toBe("1,5\u202fMo");
});

test("a backup is proposed beside the home", () => {
  const day = new Date(2026, 4, 9);
  expect(proposed("/home/anna/.kith", day)).toBe("/home/anna/kith-2026-05-09.age");
  expect(proposed("/home/anna/.kith/", day)).toBe("/home/anna/kith-2026-05-09.age");
  expect(proposed("C:\\Users\\Anna\\Kith", day)).toBe("C:\\Users\\Anna\\kith-2026-05-09.age");
});

test("a backup goes to the node as a form", async () => {
  let form: FormData | undefined;
  answers({ "POST /restore": async (r: Request) => ((form = await r.formData()), null) });
  await backups.restore(new File(["sealed"], "kith.age"), "secret", "other");
  expect([form!.get("passphrase"), form!.get("store_passphrase"), await (form!.get("file") as File).text()]).toEqual(["secret", "other", "sealed"]);
});

test("the node's refusal of a backup is shown", async () => {
  globalThis.fetch = async () => Response.json({ kind: "invalid", detail: "the passphrase is wrong" }, { status: 422 });
  const box = render(Restore, { cancel: () => {} });
  const go = box.querySelector("button[type=submit]")!;
  expect(go.getAttribute("aria-disabled")).toBe("true");
  const [file, passphrase] = [box.querySelector<HTMLInputElement>("input[type=file]")!, box.querySelector<HTMLInputElement>("input[type=password]")!];
  Object.defineProperty(file, "files", { value: [new File(["sealed"], "kith.age")], writable: true });
  file.dispatchEvent(new Event("change", { bubbles: true }));
  passphrase.value = "wrong";
  passphrase.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
  expect([go.getAttribute("aria-disabled"), box.textContent!.includes("kith.age (6 bytes)")]).toEqual(["false", true]);
  box.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await vi.waitFor(() => expect(box.querySelector("[role=alert]")?.textContent).toBe("The passphrase is wrong."));
});

const key = (more: Partial<Key>): Key => ({ kind: "device", id: "x", name: "", this: false, fingerprint: "03ab 9f10", state: "intact", reason: "", ...more });

test("keys tell their state in words, and why", async () => {
  answers({ "GET /keys": [key({ id: "a", kind: "account", name: "Anna" }), key({ id: "b", name: "4mnti3p7", this: true }), key({ id: "c", state: "refused", reason: "It was replaced." })] });
  const box = render(SettingsKeys, {});
  await vi.waitFor(() => expect(box.querySelectorAll(".key").length).toBe(3));
  expect([...box.querySelectorAll(".key")].map((e) => e.textContent!.replace(/\s+/g, " ").trim())).toEqual([
    expect.stringMatching(/^Anna · Account Intact.*03ab 9f10/),
    expect.stringMatching(/^This device · 4mnti3p7 Intact/),
    expect.stringMatching(/^Device Refused.*It was replaced\./),
  ]);
});

test("storage tells how much, what and where", async () => {
  self.me = me;
  const s: Storage = {
    home: me.home, database: { path: "/home/anna/.kith/kith.db", bytes: 4_200_000 }, log: { path: "/home/anna/.kith/log", bytes: 3000 },
    other_bytes: 12, total_bytes: 4_203_012, free_bytes: -1, conversations: 1, messages: 1234, encrypted: false,
  };
  answers({ "GET /storage": s });
  const box = render(SettingsStorage, {});
  await vi.waitFor(() => expect(box.textContent).toMatch(/1,234 messages in 1 conversation\..*4\.2 MB.*\/home\/anna\/\.kith\/kith\.db.*3 kB.*12 bytes.*Together\s*4\.2 MB/s));
  expect(box.textContent).not.toContain("Free on this disk");
});

test("what the node says of keys is worded in French", () => {
  settings.set("language", "fr");
  const worded = [
    "Your contacts know you by this key. It never leaves your devices and their backups.",
    "This device proves with it that it is yours.",
    "Another device of yours, certified by your account.",
    "Replaced by a newer key, when this account came back from a backup or an older copy: contacts link with it no more.",
    "Bob Jr. is not a contact any more: nothing is accepted from this key.",
    "Bob has not answered yet: this is the key that the invitation named.",
    "Bob asks to become a contact: the key counts when you accept.",
    "Everything from Bob came with this key. Compare safety numbers to know that it is theirs.",
    "You compared safety numbers with Bob: it is theirs.",
  ].map((sentence) => i18n.node(sentence));
  settings.set("language", "system");
  expect(worded.filter((s) => /\b(the|this|key|with|your)\b/i.test(s))).toEqual([]);
  expect(worded[4]).toBe("Bob Jr. ne fait plus partie de vos contacts : rien n’est accepté de cette clé.");
});

test("what leads others here is switched, and nothing else with it", async () => {
  const before = { read_marks: true, typing_marks: false, dht: true, map_ports: true, keep_files: "own" };
  let said: unknown;
  answers({ "GET /me/preferences": before, "PUT /me/preferences": async (r: Request) => (said = await r.json()) });
  const box = render(Reach, {});
  await vi.waitFor(() => expect(box.querySelectorAll("[role=switch]").length).toBe(2));
  box.querySelector<HTMLElement>("[role=switch]")!.click();
  await vi.waitFor(() => expect(said).toEqual({ ...before, dht: false }));
  await vi.waitFor(() => expect([...box.querySelectorAll<HTMLInputElement>("[role=switch]")].map((s) => s.checked ?? s.getAttribute("aria-checked"))).toEqual([false, true]));
});

describe("tabs", () => {
  test("are walked by arrow keys", () => {
    const children = createRawSnippet(() => ({ render: () => "<p>page</p>" }));
    const box = render(Tabs, { label: "All", tabs: { a: "A", b: "B", c: "C" }, chosen: "a", children });
    const press = (key: string) => {
      document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      flushSync();
      return document.activeElement!.textContent;
    };
    box.querySelector<HTMLElement>('[role="tab"]')!.focus();
    expect([press("ArrowDown"), press("End"), press("ArrowRight"), press("ArrowUp")]).toEqual(["B", "C", "A", "C"]);
    const tabs = [...box.querySelectorAll('[role="tab"]')];
    expect(tabs.map((t) => [t.getAttribute("aria-selected"), t.getAttribute("tabindex")])).toEqual([["false", "-1"], ["false", "-1"], ["true", "0"]]);
    expect(box.querySelector('[role="tabpanel"]')!.getAttribute("aria-labelledby")).toBe(tabs[2]!.id);
  });
});
