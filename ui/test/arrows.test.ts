import { expect, test } from "vitest";
import { toward } from "../src/lib/arrows";

// A row of three small ones, and two wide ones beneath.
const box = (name: string, left: number, top: number, width: number) => ({ name, getBoundingClientRect: () => new DOMRect(left, top, width, 10) });
const all = [box("a", 0, 0, 10), box("b", 10, 0, 10), box("c", 20, 0, 10), box("one", 0, 12, 30), box("two", 0, 22, 30)];

test.each([
  ["a", "ArrowRight", "b"],
  ["a", "ArrowLeft", "two"],
  ["c", "ArrowRight", "one"],
  ["c", "ArrowDown", "one"],
  ["one", "ArrowDown", "two"],
  ["one", "ArrowUp", "b"],
  ["two", "ArrowDown", "a"],
  ["b", "ArrowUp", "two"],
  ["a", "x", undefined],
])("from %s by %s to %s", (from, key, to) => {
  expect(toward(all, all.findIndex((b) => b.name === from), key)?.name).toBe(to);
});

test("from nowhere it begins at an end", () => {
  expect([toward(all, -1, "ArrowDown"), toward(all, -1, "ArrowUp"), toward(all, -1, "ArrowRight")].map((b) => b?.name)).toEqual(["a", "two", "a"]);
});
