// Long lists of which only a part is in the document.

import { createRawSnippet, flushSync, mount, unmount } from "svelte";
import { expect, test } from "vitest";
import VirtualList from "../src/components/VirtualList.svelte";

const height = 50;
const row = createRawSnippet<[string]>((item) => ({ render: () => `<span>${item()}</span>` }));
const names = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `n${from + i}`);

function list(items: readonly string[]) {
  const props = $state({ items, height, key: (s: string) => s, row });
  const component = mount(VirtualList<string>, { target: document.body, props });
  flushSync();
  const box = document.querySelector<HTMLElement>(".scroll")!;
  return {
    box,
    shown: () => [...box.querySelectorAll("li")].map((li) => li.textContent!),
    set(items: readonly string[]) {
      props.items = items;
      flushSync();
    },
    scroll(to: number) {
      box.scrollTop = to;
      box.dispatchEvent(new Event("scroll"));
      flushSync();
    },
    end: () => unmount(component),
  };
}

test("a list holds the rows in sight, however many there are", async () => {
  const l = list(names(0, 10_000));
  expect(l.shown()[0]).toBe("n0");
  expect(l.shown().length).toBeLessThan(40);
  l.scroll(5000 * height);
  expect(l.shown()).toContain("n5000");
  expect(l.shown().length).toBeLessThan(40);
  expect(l.box.querySelector("li")!.getAttribute("aria-setsize")).toBe("10000");
  await l.end();
});

test("rows in sight stay where others come and go before them, and at the top all do", async () => {
  const l = list(names(0, 1000));
  l.scroll(500 * height + 20);
  l.set(["new", ...names(0, 1000)]);
  expect(l.box.scrollTop).toBe(501 * height + 20);
  l.set(names(100, 1000));
  expect(l.box.scrollTop).toBe(400 * height + 20);
  // One of the first in sight goes to the top: most others stay.
  l.set(["n502", ...names(100, 502), ...names(503, 1000)]);
  expect(l.box.scrollTop).toBe(400 * height + 20);
  // Quite another list.
  l.set(names(5000, 6000));
  expect(l.box.scrollTop).toBe(400 * height + 20);
  l.scroll(0);
  l.set(["newest", ...names(5000, 6000)]);
  expect([l.box.scrollTop, l.shown()[0]]).toEqual([0, "newest"]);
  await l.end();
});
