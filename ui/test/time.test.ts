import { expect, test } from "vitest";
import { day, left, sameDay, short } from "../src/lib/time";

const now = new Date(2026, 4, 20, 12, 0).getTime();
const ago = (days: number) => new Date(2026, 4, 20 - days, 9, 5).toISOString();

test("days have names", () => {
  expect([0, 1, 3, 40, 500].map((d) => day("en", ago(d), now))).toEqual(["Today", "Yesterday", "Sunday", "Friday, April 10", "Sunday, January 5, 2025"]);
  expect(day("fr", ago(1), now)).toBe("Hier");
  expect(day("en", ago(-2), now)).toBe("Friday, May 22"); // a clock ahead of ours
});

test("rows are short", () => {
  expect([0, 3, 40, 500].map((d) => short("en-GB", ago(d), now))).toEqual(["09:05", "Sun", "10 Apr", "5 Jan 25"]);
});

test("time left", () => {
  const at = (ms: number) => new Date(now + ms).toISOString();
  expect([-5, 1000, 29.2 * 60_000, 3_600_000, 8 * 3_600_000 - 1000, 65 * 60_000].map((ms) => left(at(ms), now))).toEqual(["1 min", "1 min", "30 min", "1 h", "8 h", "1 h 5 min"]);
});

test("days are those of this machine", () => {
  expect(sameDay(new Date(2026, 4, 20, 0, 1).toISOString(), new Date(2026, 4, 20, 23, 59).toISOString())).toBe(true);
  expect(sameDay(new Date(2026, 4, 20, 23, 59).toISOString(), new Date(2026, 4, 21, 0, 1).toISOString())).toBe(false);
});
