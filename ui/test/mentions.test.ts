import { expect, test } from "vitest";
import { flushSync } from "svelte";
import Formatted from "../src/components/Formatted.svelte";
import MentionList from "../src/views/MentionList.svelte";
import { contacts } from "../src/lib/contacts.svelte";
import { conversations } from "../src/lib/conversations.svelte";
import { self } from "../src/lib/me.svelte";
import { asked, inText, named, offered, words } from "../src/lib/mentions";
import { Naming } from "../src/lib/naming.svelte";
import { nav } from "../src/lib/nav.svelte";
import { render } from "./render";
import { contact } from "./samples";

const at = (account: string, text: string) => ({ account, text });
const whom = (text: string, ...chosen: [string, string][]) => inText(text, chosen.map(([a, t]) => at(a, t))).map((m) => m.account).join(" ");

test.each<[string, [string, string][], string]>([
  ["hi @Bob", [["bob", "@Bob"]], "bob"],
  ["@Carl and @Bob, @Bob", [["bob", "@Bob"], ["carl", "@Carl"]], "carl bob bob"],
  ["nobody", [["bob", "@Bob"]], ""],
  ["@Bobby x@Bob @Bob2 @Bob's (@Bob)", [["bob", "@Bob"]], "bob bob"],
  ["@Bob Smith @Bob", [["bob", "@Bob"], ["smith", "@Bob Smith"]], "smith bob"],
  ["`@Bob` and\n```\n@Bob\n```\n> **@Bob**", [["bob", "@Bob"]], "bob"],
  // Two of one name: in the order in which they were chosen.
  ["@Bob @Bob", [["bob1", "@Bob"], ["bob2", "@Bob"]], "bob1 bob2"],
  ["@Carl @Bob", [["bob1", "@Bob"], ["carl", "@Carl"], ["bob2", "@Bob"]], "carl bob2"],
  ["@_x_ @*y*", [["x", "@_x_"], ["y", "@*y*"]], "x y"],
])("whom %j means", (text, chosen, want) => expect(whom(text, ...chosen)).toBe(want));

test("at most 100 people, in a time that does not matter", () => {
  const begun = performance.now();
  const list = inText("@Bob ".repeat(13_000), Array.from({ length: 100 }, (_, i) => at(`b${i}`, "@Bob")));
  expect(list.length).toBe(100);
  const long = `@${"é".repeat(60)}`; // 121 bytes, of 8 KiB
  expect(inText(`${long} `.repeat(100), [at("b", long)]).length).toBe(67);
  expect(performance.now() - begun).toBeLessThan(1000);
});

test("what others are called by me stays with me", () => {
  const c = contact("bob", { name: "Darling", petname: "Darling", own_name: "Bob" });
  expect(words(c)).toBe("@Bob");
  expect(words(contact("eve", { own_name: "\u202eEve\n\u2066 x" }))).toBe("@Eve x");
  expect(words(contact("w", { own_name: "W".repeat(500) })).length).toBe(61);
  expect(named({ text: "hi @Bob, @Bob!", mentions: [{ ...at("bob", "@Bob"), name: "Darling" }] })).toBe("hi @Darling, @Bob!");
  expect(named({ text: "ask @Gina", mentions: [{ ...at("ginaaccount", "@Gina"), name: "ginaac" }] })).toBe("ask @Gina"); // not known here
});

test.each([
  ["@", 1, ""], ["hi @bo", 6, "bo"], ["hi @bo", 3, undefined], ["(@É", 3, "É"], ["me@x", 4, undefined], ["@bo b", 5, undefined], ["hi @bo x", 6, "bo"],
])("what is typed in %j before %i", (text, caret, part) => expect(asked(text, caret)?.part).toBe(part));

test("the people of the conversation are offered first, by the beginning of any word", () => {
  const [bob, ana, rob] = [contact("bob", { name: "Bobby", own_name: "Bob" }), contact("ana", { name: "Ana Bo" }), contact("rob", { name: "Robo" })];
  expect(offered("BÓ", [bob], [ana, rob, bob]).map((c) => c.account)).toEqual(["bob", "ana"]);
  expect(offered("", [bob], [ana, rob]).length).toBe(3);
  expect(offered("", [], Array.from({ length: 50 }, (_, i) => contact(`c${i}`))).length).toBe(8);
});

test("the list follows the keys, and Escape lets an @ be one", () => {
  contacts.all = new Map();
  conversations.list = [];
  const people = [contact("bob"), contact("bea")];
  const naming = new Naming(() => people);
  const field = document.body.appendChild(document.createElement("textarea"));
  const type = (text: string) => {
    field.value = text;
    field.setSelectionRange(text.length, text.length);
    naming.look(field);
  };
  type("hi @b");
  expect([naming.open, naming.current?.account]).toEqual([true, "bob"]);
  naming.move(-1);
  const list = render(MentionList, { id: "l", naming, members: people, pick: () => {} });
  expect(list.querySelector("[aria-selected=true]")!.textContent).toContain("bea");
  type("hi @be");
  expect(naming.options.map((c) => c.account)).toEqual(["bea"]);
  naming.refuse();
  type("hi @bea");
  expect(naming.open).toBe(false);
  type("hi @bea and @b");
  expect(naming.open).toBe(true);
});

test("a mention is shown by my name for them, and leads to them; in code it is text", () => {
  self.me = { account: "me", device: "d", name: "Me", visible: true, encrypted: false, home: "/", version: "1" };
  contacts.all = new Map([["bob", contact("bob", { name: "Bobby", own_name: "Bob" })]]);
  const named = (account: string, text: string, name: string) => ({ account, text, name });
  const box = render(Formatted, {
    text: "**@Bob** and @Me, @Carl, `@Bob`, @Eve <b>",
    mentions: [named("bob", "@Bob", "x"), named("me", "@Me", "Me"), named("carlaccount", "@Carl", "carlacc"), named("eve", "@Eve <b>", "Eve <i>")],
  });
  const pills = [...box.querySelectorAll<HTMLElement>(".mention")];
  expect(pills.map((p) => `${p.tagName} ${p.textContent}`)).toEqual(["BUTTON @Bobby", "SPAN @Me", "SPAN @Carl", "SPAN @Eve <i>"]);
  expect([box.querySelector("code")!.textContent, pills[1]!.classList.contains("me"), box.querySelector("b, i")]).toEqual(["@Bob", true, null]);
  pills[0]!.click();
  flushSync();
  expect(nav.dialog).toEqual({ kind: "contact", account: "bob" });
  nav.dialog = undefined;
});
