// How smoothly a long conversation scrolls: the time of each frame, and how
// many of them showed less than what there is to see.

import { Visit } from "./browser.js";

export async function measure(browser, { home, name, pixels, speed }, report) {
  const ann = await Visit.to(browser, home);
  const page = await ann.open(browser, name);
  const [took, gaps] = await scroll(page, "main .box", pixels, speed, () => {
    // Is there a message at the top of what one sees, and at the bottom?
    const box = document.querySelector("main .box").getBoundingClientRect();
    const list = document.querySelector("main .box ol").getBoundingClientRect();
    return list.top > box.top || list.bottom < box.bottom - 10;
  });
  report("frame", took);
  report("gaps", gaps);
}

// scroll moves what a selector names up by some pixels, as fingers do.
export async function scroll(page, selector, pixels, speed, gap) {
  const box = await page.locator(selector).boundingBox();
  const session = await page.context().newCDPSession(page);
  await page.evaluate((gap) => {
    const holes = eval(gap);
    globalThis.gaps = 0;
    globalThis.stop = globalThis.frames(() => holes() && globalThis.gaps++);
  }, `(${gap})`);
  await session.send("Input.synthesizeScrollGesture", {
    x: box.x + box.width / 2, y: box.y + box.height / 2, yDistance: pixels, speed, gestureSourceType: "mouse", preventFling: true,
  });
  const [took, gaps] = await page.evaluate(() => [globalThis.stop(), globalThis.gaps]);
  return [took, (100 * gaps) / took.length];
}
