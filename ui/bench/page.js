// Measures the page in Chromium: node bench/page.js WHAT '{"home": …}'. It
// prints a line of JSON for each result: {"name", "values"}. The benchmarks of
// internal/bench start the nodes, call it, and make the table.

import { launch } from "./browser.js";

const [, , what, options] = process.argv;
const measures = {
  first: () => import("./first.js"),
  typing: () => import("./typing.js"),
  arriving: () => import("./arriving.js"),
  scrolling: () => import("./scrolling.js"),
  through: () => import("./through.js"),
  crowd: () => import("./crowd.js"),
};
const { measure } = await measures[what]();
const browser = await launch();
try {
  await measure(browser, JSON.parse(options), (name, values) => console.log(JSON.stringify({ name, values: [values].flat() })));
} finally {
  await browser.close();
}
