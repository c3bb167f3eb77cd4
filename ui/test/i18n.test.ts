import { readdirSync, readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { refusals } from "../src/i18n/fr-failures";
import { i18n, languages as loaders, pick } from "../src/i18n/index.svelte";
import { said } from "../src/i18n/said";
import { Failure } from "../src/lib/api";
import { settings } from "../src/lib/settings.svelte";

const languages = Object.fromEntries(await Promise.all(Object.entries(loaders).map(async ([code, load]) => [code, await load()])));

// paths lists every text, and how many arguments it takes.
function paths(value: unknown, at = ""): string[] {
  if (typeof value === "function") return [`${at}(${value.length})`];
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [at];
  return Object.entries(value).flatMap(([key, v]) => paths(v, `${at}.${key}`));
}

test.each(Object.keys(languages))("%s has every text, and none is empty", (code) => {
  expect(paths(languages[code])).toEqual(paths(languages.en));
  const empty = (v: unknown): boolean => v === "" || (!!v && typeof v === "object" && !Array.isArray(v) && Object.values(v).some(empty));
  expect(empty(languages[code])).toBe(false);
});

// all lists what a language may say, with something in each place.
const all = (v: unknown): string[] => (typeof v === "string" ? [v] : typeof v === "function" ? all(v(2, 3, 4)) : v instanceof RegExp || !v || typeof v !== "object" ? [] : Object.values(v).flatMap(all));

test("French keeps its signs with the words before them", () => {
  const texts = all(languages.fr);
  expect(texts.length).toBeGreaterThan(700);
  expect(texts.filter((s) => / [?!;:»]|« /.test(s))).toEqual([]);
});

test("no text is left in English", () => {
  const texts = (v: unknown): string[] => (typeof v === "string" ? [v] : v && typeof v === "object" && !Array.isArray(v) ? Object.values(v).flatMap(texts) : []);
  const english = new Set(texts(languages.en).filter((s) => s.split(" ").length > 2));
  expect(texts(languages.fr).filter((s) => english.has(s))).toEqual([]);
});

test("the browser's first known language is taken", () => {
  expect(pick(["de-DE", "fr-CA", "en"])).toBe("fr");
  expect(pick(["xx"])).toBe("en");
});

afterEach(() => settings.set("language", "en"));

test("what is translated of the node's is what it says", () => {
  const sources = readdirSync("..", { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".go") && !path.endsWith("_test.go") && !path.startsWith("ui/"));
  const all = sources.map((path) => readFileSync(`../${path}`, "utf8")).join("\n").replaceAll('\\"', '"');
  expect(sources.length).toBeGreaterThan(100);
  expect(refusals.map(([english]) => english).filter((english) => !all.includes(english))).toEqual([]);
});

test("what differs in a sentence of the node's is kept", () => {
  const say = (format: string, words: string, text: string) => text.replace(...said(format, words));
  expect(say("another contact is called %q already", "déjà $1", 'Another contact is called "A? (b)" already')).toBe('déjà "A? (b)"');
  expect(say("%s has %d of %d: %w", "$4, $3, $2, $1", "Ann has 1 of 2: no: why")).toBe("no: why, 2, 1, Ann");
});

test("a refusal is said in the language of the page, as a sentence", async () => {
  expect(new Failure("invalid", "wrong passphrase").message).toBe("Wrong passphrase.");
  expect(new Failure("invalid", "this is an invitation, not the line of a connection: use it with “kith join”").message).not.toMatch(/kith join/);
  settings.set("language", "fr");
  await i18n.load("fr");
  expect(new Failure("invalid", "wrong passphrase").message).toBe("La phrase secrète n’est pas la bonne.");
  expect(new Failure("conflict", "Bob is blocked; unblock them first").message).toBe("Bob est bloqué ; débloquez d’abord ce contact.");
});
