// How long the page works for a key, with a long conversation open.

import { Visit } from "./browser.js";

export async function measure(browser, { home, name, keys }, report) {
  const ann = await Visit.to(browser, home);
  const page = await ann.open(browser, name);
  const field = page.locator("main textarea");
  await field.pressSequentially("warming up. ", { delay: 60 });
  const done = await trace(browser, page);
  const words = "the quick brown fox jumps over the lazy dog, and then again; ";
  await field.pressSequentially(words.repeat(1 + keys / words.length).slice(0, keys), { delay: 60 });
  report("key", work(await done(), "keydown"));
}

// trace notes what the page's threads do, until what it gives is called.
export async function trace(browser, page) {
  await browser.startTracing(page, { categories: ["devtools.timeline", "disabled-by-default-devtools.timeline"] });
  return async () => JSON.parse((await browser.stopTracing()).toString()).traceEvents;
}

// work is how long the page's main thread worked from each event of a type to
// the next: scripts, style, layout and painting, and whatever else it did.
export function work(trace, type) {
  const begins = trace.filter((e) => e.name === "EventDispatch" && e.args.data?.type === type).sort((a, b) => a.ts - b.ts);
  const { pid, tid } = begins[0];
  const tasks = trace.filter((e) => e.pid === pid && e.tid === tid && e.name === "RunTask" && e.ph === "X");
  return begins.slice(0, -1).map((begin, i) => {
    const mine = tasks.filter((t) => t.ts + t.dur > begin.ts && t.ts + t.dur <= begins[i + 1].ts);
    return mine.reduce((sum, t) => sum + t.dur, 0) / 1000;
  });
}
