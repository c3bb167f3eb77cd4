// A browser, pages of nodes that run already, and when something is painted.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { executablePath, kith } from "../browser/world.js";

const run = promisify(execFile);

export async function launch() {
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--no-first-run"],
  });
}

// A Visit is a login of a browser at the node of a home.
export class Visit {
  constructor(home, origin, state) {
    Object.assign(this, { home, origin, state });
  }

  static async to(browser, home) {
    const { stdout } = await run(kith, ["--no-open"], { env: { ...process.env, KITH_HOME: home } });
    const link = /http:[^\s"]+/.exec(stdout)[0];
    const context = await browser.newContext();
    await (await context.newPage()).goto(link, { waitUntil: "commit" });
    const state = await context.storageState();
    await context.close();
    return new Visit(home, new URL(link).origin, state);
  }

  // page opens the page anew, with nothing in the browser's cache.
  async page(browser, more = {}) {
    const context = await browser.newContext({ viewport: { width: 1100, height: 760 }, locale: "en-GB", storageState: this.state, ...more });
    const page = await context.newPage();
    await page.addInitScript(helpers);
    await page.goto(this.origin);
    return page;
  }

  // open opens a conversation anew, by the name of the contact.
  async open(browser, name) {
    const page = await this.page(browser);
    const { conversation } = await this.ask("GET", `/contacts/${encodeURIComponent(name)}`);
    await page.evaluate((id) => (location.hash = `#/c/${id}`), conversation);
    await page.locator("main textarea").waitFor();
    await page.waitForTimeout(1000); // the list may still be loading
    return page;
  }

  // ask is a request to the API that does not go through a browser.
  async ask(method, path, body) {
    const { name, value } = this.state.cookies[0];
    const answer = await fetch(`${this.origin}/api/v1${path}`, {
      method, body: body && JSON.stringify(body),
      headers: { "content-type": "application/json", cookie: `${name}=${value}`, origin: this.origin },
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  }
}

// helpers runs in the page before everything else.
function helpers() {
  // painted is called back after the frame in which it is called was painted.
  const painted = (then) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = then;
    channel.port2.postMessage(0);
  });
  // when waits until something is on the page and painted, and gives the time.
  globalThis.when = (there) => new Promise((done) => {
    const look = () => {
      if (!there()) return false;
      watch.disconnect();
      painted(() => done({ since: performance.now(), at: Date.now() }));
      return true;
    };
    const watch = new MutationObserver(look);
    watch.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    look();
  });
  // frames gives how long each frame took, until it is told to end.
  globalThis.frames = (each = () => {}) => {
    const took = [];
    let last = performance.now();
    let going = true;
    const next = (now) => {
      took.push(now - last);
      last = now;
      each();
      if (going) requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
    return () => ((going = false), took.slice(1));
  };
  // seen tells whether an element is in the part of the window that one sees.
  globalThis.seen = (e) => {
    const { top, bottom, height } = e.getBoundingClientRect();
    return height > 0 && bottom > 0 && top < innerHeight;
  };
}
