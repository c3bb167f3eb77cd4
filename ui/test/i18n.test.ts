import { expect, test } from "vitest";
import { languages as loaders, pick } from "../src/i18n/index.svelte";

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

test("no text is left in English", () => {
  const texts = (v: unknown): string[] => (typeof v === "string" ? [v] : v && typeof v === "object" && !Array.isArray(v) ? Object.values(v).flatMap(texts) : []);
  const english = new Set(texts(languages.en).filter((s) => s.split(" ").length > 2));
  expect(texts(languages.fr).filter((s) => english.has(s))).toEqual([]);
});

test("the browser's first known language is taken", () => {
  expect(pick(["de-DE", "fr-CA", "en"])).toBe("fr");
  expect(pick(["xx"])).toBe("en");
});
