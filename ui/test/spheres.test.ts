import { beforeEach, expect, test, vi } from "vitest";
import Bubble from "../src/views/Bubble.svelte";
import SphereMember from "../src/views/SphereMember.svelte";
import type { Note, Sphere } from "../src/lib/api";
import { entries } from "../src/lib/bubbles";
import { contacts } from "../src/lib/contacts.svelte";
import { conversations } from "../src/lib/conversations.svelte";
import { self } from "../src/lib/me.svelte";
import { History } from "../src/lib/messages.svelte";
import { take } from "../src/lib/node";
import { noteWords } from "../src/lib/notes.svelte";
import { settings } from "../src/lib/settings.svelte";
import { lightOf, muted, others, spheres } from "../src/lib/spheres.svelte";
import { render } from "./render";
import { answers, contact, member, message, sphere } from "./samples";

const now = Date.parse("2026-05-04T12:00:00Z");
const room = (s: Sphere, more = {}) => ({ id: s.id, name: s.name, sphere: s, unread: 0, typing: false, pinned: false, archived: false, mentioned: 0, ...more });

beforeEach(() => {
  self.me = { account: "me", device: "d", name: "Me", visible: true, encrypted: false, home: "/", version: "1" };
  contacts.all = new Map([["bob", contact("bob", { name: "Bobby", own_name: "Bob", petname: "Bobby" })]]);
  contacts.loaded = true;
  conversations.list = [];
  spheres.all = new Map();
});

test.each<[string, Partial<Sphere>, string]>([
  ["linked", { linked: 2 }, "connected"],
  ["alone", {}, "disconnected"],
  ["muted", { linked: 2, muted_until: "2026-05-04T13:00:00Z" }, "blocked"],
  ["not muted any more", { linked: 2, muted_until: "2026-05-04T11:00:00Z" }, "connected"],
  ["coming in", { state: "joining" }, "connecting"],
  ["left", { state: "left", linked: 2 }, "disconnected"],
])("the light of a sphere: %s", (_, more, light) => expect(lightOf(sphere("fam", more), now)).toBe(light));

test("a mute ends by itself", () => {
  expect(muted({ muted_until: "2026-05-04T12:00:01Z" }, now)).toBe(true);
  expect(muted({ muted_until: "2026-05-04T12:00:00Z" }, now)).toBe(false);
  expect(muted({}, now)).toBe(false);
});

test("the list has the room as the sphere is now, and an invitation apart from it", () => {
  const fam = sphere("fam");
  take({ type: "row", row: room(fam) });
  expect(conversations.rows.map((v) => v.name)).toContain("fam");
  take({ type: "sphere", sphere: { ...fam, name: "Kin", linked: 1 } });
  expect(conversations.byID.get("fam")).toMatchObject({ name: "Kin", sphere: { linked: 1 } });
  take({ type: "sphere", sphere: sphere("asked", { state: "invited" }) });
  take({ type: "row", row: room(sphere("asked", { state: "invited" })) });
  expect(spheres.invitations.map((s) => s.id)).toEqual(["asked"]);
  expect(conversations.byID.has("asked")).toBe(false);
});

test("a status counts for the members too", () => {
  spheres.take(sphere("fam"));
  spheres.connection("bob", "connected");
  expect(spheres.get("fam")).toMatchObject({ linked: 1 });
  spheres.connection("bob", "disconnected");
  expect(spheres.get("fam")).toMatchObject({ linked: 0 });
  spheres.connection("stranger", "connected");
  expect(spheres.get("fam")).toMatchObject({ linked: 0 });
});

test("members are mentioned by what they call themselves", () => {
  expect(others(sphere("fam")).map((p) => `${p.name} ${p.own_name}`)).toEqual(["Bobby Bob", "Carl Carl"]);
});

test("of several who write, one is named until they stop", () => {
  conversations.setTyping("fam", true, "bob");
  conversations.setTyping("fam", false, "carl");
  expect([conversations.typing.has("fam"), conversations.typist.get("fam")]).toEqual([true, "bob"]);
  conversations.setTyping("fam", false, "bob");
  expect(conversations.typing.has("fam")).toBe(false);
});

test("of two who write in a room, one is left when the other stops", () => {
  const who = () => [conversations.typist.get("fam"), conversations.typing.has("fam")];
  conversations.setTyping("fam", true, "carl");
  conversations.setTyping("fam", true, "bob");
  expect(who()).toEqual(["bob", true]);
  conversations.setTyping("fam", false, "bob");
  expect(who()).toEqual(["carl", true]);
  conversations.setTyping("fam", false, "carl");
  expect(who()).toEqual(["", false]);
});

test("that one stops to write is told after that one began", async () => {
  const told: boolean[] = [];
  let release: (() => void) | undefined;
  globalThis.fetch = async (r) => {
    const { active } = await (r as Request).json();
    if (active) await new Promise<void>((done) => (release = done)); // the first takes its time
    told.push(active);
    return new Response(null, { status: 204 });
  };
  const both = [conversations.tellTyping("fam", true), conversations.tellTyping("fam", false)];
  await vi.waitFor(() => expect(release).toBeDefined());
  release!();
  await Promise.all(both);
  expect(told).toEqual([true, false]);
});


test("somebody of a common sphere is no contact", () => {
  take({ type: "contact", contact: contact("carl", { relation: "fellow" }) });
  expect(contacts.get("carl")).toBeUndefined();
});

test.each<[Note, boolean, string, string]>([
  [{ change: "creation", name: "Family" }, true, "You made the sphere Family", "Vous avez créé la sphère Family"],
  [{ change: "addition", subject: "bob", subject_name: "Bobby" }, false, "Anna brought Bobby in", "Anna a fait entrer Bobby"],
  [{ change: "removal", subject: "me", subject_name: "Me" }, false, "Anna removed you", "Anna vous a retiré"],
  [{ change: "departure" }, false, "Anna left", "Anna est parti"],
  [{ change: "muting", subject: "me", subject_name: "Me" }, false, "Anna let you write again", "Anna vous a rendu la parole"],
  [{ change: "handover", subject: "bob", subject_name: "Bobby" }, true, "You handed the sphere over to Bobby", "Vous avez cédé la sphère à Bobby"],
])("a change in words: %j", (note, mine, en, fr) => {
  const m = message("n1", { note, mine, from: mine ? "me" : "anna", from_name: mine ? "Me" : "Anna", text: "" });
  expect(noteWords(m)).toBe(en);
  settings.language = "fr";
  expect(noteWords(m)).toBe(fr);
  settings.language = "en";
});

test("a note stands between the groups of one author", () => {
  const list = [message("m1"), message("n2", { note: { change: "departure" } }), message("m3"), message("m4")];
  expect(entries(list).map((e) => `${e.first} ${e.last}`)).toEqual(["true true", "true true", "true false", "false true"]);
});

test("in a room the author stands above, once a group, and not above one's own", () => {
  const history = new History("fam");
  const author = (more: object, first = true) =>
    render(Bubble, { message: message("m1", more), first, last: true, room: true, history, openMenu: () => {} }).querySelector(".author bdi")?.textContent;
  expect([author({}), author({}, false), author({ mine: true })]).toEqual(["Bob", undefined, undefined]);
});

test("only what one may do about a member is offered", async () => {
  const asked = answers({ "POST /spheres/fam/members/bob/mute": sphere("fam") });
  const carl = member("carl", { relation: "fellow" });
  const box = render(SphereMember, { sphere: sphere("fam"), member: member("bob", { may_mute: true }) });
  const other = render(SphereMember, { sphere: sphere("fam"), member: carl });
  const open = async (box: HTMLElement) => {
    box.querySelector<HTMLElement>("button")!.click();
    await Promise.resolve();
    return [...box.querySelectorAll<HTMLElement>("[role=group] button")];
  };
  const may = await open(box);
  expect(may.map((b) => b.textContent)).toEqual(["Contact page", "Mute"]);
  expect([...box.querySelectorAll("option")].map((o) => o.textContent)).toEqual([1, 2, 4, 8, 12, 24].map((n) => (n === 1 ? "For 1 hour" : `For ${n} hours`)));
  expect((await open(other)).map((b) => b.textContent)).toEqual(["Ask to become a contact"]);
  may[1]!.click();
  await expect.poll(() => asked).toEqual(["POST /spheres/fam/members/bob/mute"]);
});
