// How soon a message that somebody else sends is on the screen. The clock
// starts when the sender's node says that it is sent; the page's node does not
// have it yet then.

import { Visit } from "./browser.js";

export async function measure(browser, { home, other, from, to, messages }, report) {
  const [here, there] = [await Visit.to(browser, home), await Visit.to(browser, other)];
  const page = await here.open(browser, from);
  const took = [];
  for (let i = 0; i < messages; i++) {
    const text = `arriving ${i} of ${messages}`;
    const shown = page.evaluate((text) => globalThis.when(() => [...document.querySelectorAll("li[data-id] .text")].slice(-3).some((e) => e.textContent === text && globalThis.seen(e))), text);
    await there.ask("POST", "/messages", { to: [to], text });
    const sent = Date.now();
    took.push((await shown).at - sent);
    await page.waitForTimeout(20 + 60 * Math.random());
  }
  report("shown", took.slice(5));
}
