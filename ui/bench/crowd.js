// What one notices of ten thousand conversations: scrolling their list,
// searching among the people, opening one, and a message that arrives in one.

import { Visit } from "./browser.js";
import { scroll } from "./scrolling.js";
import { trace, work } from "./typing.js";

export async function measure(browser, { home, other, runs }, report) {
  const [ann, bob] = [await Visit.to(browser, home), await Visit.to(browser, other)];
  const page = await ann.page(browser);
  const list = page.locator("nav li .entry");
  await list.nth(8).waitFor();
  await page.waitForTimeout(3000); // all are loaded

  const [took, gaps] = await scroll(page, "nav .scroll", -40_000, 4000, () => {
    const box = document.querySelector("nav .scroll").getBoundingClientRect();
    const rows = [...document.querySelectorAll("nav li")].map((li) => li.getBoundingClientRect());
    return !rows.length || rows[0].top > box.top + 1 || rows.at(-1).bottom < box.bottom - 1;
  });
  report("frame", took);
  report("gaps", gaps);

  const opened = [];
  for (let i = 0; i < runs; i++) {
    const row = list.nth(8 + (i % 5));
    const name = await row.locator(".name").textContent();
    const shown = page.evaluate((name) => {
      let begin;
      addEventListener("pointerdown", () => (begin = performance.now()), { once: true, capture: true });
      return globalThis.when(() => begin && document.querySelector("main h1")?.textContent === name && document.querySelector("main li[data-id] .text")).then(({ since }) => since - begin);
    }, name);
    await row.click();
    opened.push(await shown);
    await page.waitForTimeout(300);
  }
  report("opened", opened.slice(1));

  const arrived = [];
  for (let i = 0; i < runs; i++) {
    const text = `arriving ${i} of ${runs}`;
    await page.evaluate(() => (document.querySelector("nav .scroll").scrollTop = 0));
    const shown = page.evaluate((text) => globalThis.when(() => [...document.querySelectorAll("nav li .preview")].slice(0, 3).some((e) => e.textContent.trim() === text && globalThis.seen(e))), text);
    await bob.ask("POST", "/messages", { to: ["Ann"], text });
    const sent = Date.now();
    arrived.push((await shown).at - sent);
    await page.waitForTimeout(300 + 60 * Math.random());
  }
  report("arrived", arrived.slice(1));

  const field = page.getByRole("searchbox");
  const [keys, found] = [[], []];
  for (let i = 0; i < runs; i++) {
    await field.click();
    await field.fill("");
    const name = `Friend ${1000 + 37 * i}`;
    const done = await trace(browser, page);
    const shown = page.evaluate((name) => {
      let last;
      addEventListener("keydown", () => (last = performance.now()), { capture: true });
      return globalThis.when(() => [...document.querySelectorAll(".found .person .name")].some((e) => e.textContent === name)).then(({ since }) => since - last);
    }, name);
    await field.pressSequentially(name, { delay: 60 });
    found.push(await shown);
    await page.waitForTimeout(100);
    keys.push(...work(await done(), "keydown"));
  }
  report("search key", keys);
  report("found", found);
}
