// How soon the list of conversations is there, with nothing in the cache.

import { Visit } from "./browser.js";

export async function measure(browser, { home, runs }, report) {
  const ann = await Visit.to(browser, home);
  const [shown, afterLoad] = [[], []];
  for (let i = 0; i <= runs; i++) {
    const page = await ann.page(browser);
    const { since, load } = await page.evaluate(async () => {
      // The list is full as far as one sees it.
      const { since } = await globalThis.when(() => document.querySelectorAll("nav li time").length >= 8);
      return { since, load: performance.getEntriesByType("navigation")[0].loadEventEnd };
    });
    if (i > 0) {
      // The first is the browser's own start.
      shown.push(since);
      afterLoad.push(since - load);
    }
    await page.context().close();
  }
  report("shown", shown);
  report("after load", afterLoad);
}
