// Draws the icons that need pixels from our own SVG, into public: npm run icons.
// They are committed, so that the page can be built without a browser.

import { readFileSync, writeFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { executablePath } from "./world.js";

const svg = readFileSync("public/icon.svg", "utf8");
// A maskable one fills its square; what must be seen is within the inner 80 %.
const maskable = svg.replace('rx="8"', "").replace('viewBox="0 0 32 32"', 'viewBox="-1 -1 34 34"').replace('<rect width="32" height="32"', '<rect x="-1" y="-1" width="34" height="34"');

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  for (const [name, size, drawing] of [["icon-192", 192, svg], ["icon-512", 512, svg], ["icon-maskable-512", 512, maskable]]) {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    await page.setContent(`<style>* { margin: 0 } svg { display: block; width: 100vw; height: 100vh }</style>${drawing}`);
    writeFileSync(`public/${name}.png`, await page.screenshot({ omitBackground: true }));
    await page.close();
  }
} finally {
  await browser.close();
}
