// What a page holds after somebody has scrolled through a whole conversation,
// from the newest message to the first, and has seen every single one.

import { readFileSync } from "node:fs";
import { Visit } from "./browser.js";

export async function measure(browser, { home, name, messages }, report) {
  const ann = await Visit.to(browser, home);
  const page = await ann.open(browser, name);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const held = async () => {
    await session.send("HeapProfiler.collectGarbage");
    await session.send("HeapProfiler.collectGarbage");
    const { metrics } = await session.send("Performance.getMetrics");
    const of = (name) => metrics.find((m) => m.name === name).value;
    return { heap: of("JSHeapUsedSize") / 2 ** 20, nodes: of("Nodes"), process: await memory(browser) };
  };
  const before = await held();
  const begin = Date.now();
  const missed = await page.evaluate(async (messages) => {
    const box = document.querySelector("main .box");
    const met = new Uint8Array(messages + 1);
    let left = messages;
    let idle = 0;
    while (left > 0 && idle < 600) {
      const before = left;
      for (const li of document.querySelectorAll("li[data-id] .text")) {
        const number = parseInt(li.textContent, 10);
        if (!met[number]) {
          met[number] = 1;
          left--;
        }
      }
      idle = left === before ? idle + 1 : 0;
      // As far as there is something to see, at most some screens a frame.
      const first = document.querySelector("li[data-id]").getBoundingClientRect().top - box.getBoundingClientRect().top;
      box.scrollTop += Math.max(first, -3 * box.clientHeight);
      await new Promise(requestAnimationFrame);
    }
    return left;
  }, messages);
  const after = await held();
  const seconds = (Date.now() - begin) / 1000;
  if (missed) throw new Error(`${missed} of ${messages} messages were never shown`);
  report("seconds", seconds);
  report("heap before", before.heap);
  report("heap", after.heap);
  report("process before", before.process);
  report("process", after.process);
  report("nodes", after.nodes);
}

// memory is what the process of the page takes that it shares with nobody.
async function memory(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const of = (id) => {
    const text = readFileSync(`/proc/${id}/smaps_rollup`, "utf8");
    return [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)].reduce((sum, [, kb]) => sum + Number(kb), 0) / 1024;
  };
  return Math.max(...processInfo.filter((p) => p.type === "renderer").map((p) => of(p.id)));
}
