import { afterEach, expect, test, vi } from "vitest";
import { lookedAt, watchLooking } from "../src/lib/looking";

afterEach(() => vi.unstubAllGlobals());

test("a page that is looked at in any tab is looked at", async () => {
  // The browser's locks, which all tabs see.
  const held: { name: string }[] = [];
  const request = (name: string, _: unknown, work: () => Promise<void>) => {
    const lock = { name };
    held.push(lock);
    return work().then(() => held.splice(held.indexOf(lock), 1));
  };
  vi.stubGlobal("navigator", { locks: { request, query: async () => ({ held }) } });
  const focus = vi.spyOn(document, "hasFocus");
  focus.mockReturnValue(true);
  const end = watchLooking();
  expect([await lookedAt(), held.length]).toEqual([true, 1]);
  focus.mockReturnValue(false);
  expect(await lookedAt()).toBe(true); // the lock is still held, as if by another tab
  dispatchEvent(new Event("blur"));
  await vi.waitFor(() => expect(held).toEqual([]));
  expect(await lookedAt()).toBe(false);
  end();
  focus.mockRestore();
});
