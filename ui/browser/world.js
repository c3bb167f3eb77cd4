// Real nodes and a real browser for the tests of the page: everything runs on
// loopback, in homes that are thrown away.

import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const run = promisify(execFile);
export const kith = resolve(process.env.KITH_BIN ?? "../bin/kith");

const chromiums = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const executablePath = chromiums.find((path) => path && existsSync(path));

// missing says why the tests can't run here, if so.
export const missing = !executablePath ? "there is no Chromium on this machine" : !existsSync(kith) ? `${kith} is not built` : undefined;

// gone is what Chromium says of a server that is away, or went away meanwhile.
export const gone = /ERR_(CONNECTION_\w+|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED|ADDRESS_UNREACHABLE|TIMED_OUT|NETWORK_\w+|FAILED|ABORTED)/;

// patience is how long anything may take, in milliseconds: a machine that is
// many times slower than ours only has to get there.
export const patience = 60_000;

// What the browser has of its own; its viewer of PDFs is an extension.
const ownSchemes = ["data:", "blob:", "chrome:", "chrome-extension:"];

// A Node is a process of kith with a home of its own.
export class Node {
  constructor() {
    this.home = mkdtempSync(join(tmpdir(), "kith-page-"));
    this.env = { ...process.env, KITH_HOME: this.home, KITH_FOLDERS: join(this.home, "files"), KITH_LOOPBACK: "1" };
  }

  async start() {
    this.process = spawn(kith, ["up", "--no-open", "--log-level", "warn"], { env: this.env, stdio: ["ignore", "pipe", "inherit"] });
    this.url = await new Promise((done, failed) => {
      let text = "";
      this.process.once("exit", (code) => failed(new Error(`kith ended with ${code}`)));
      this.process.stdout.on("data", (data) => {
        text += data;
        const url = /http:\S+/.exec(text)?.[0];
        if (url) done(url);
      });
    });
    this.origin = new URL(this.url).origin;
    return this;
  }

  // kill ends it as a crash does.
  async kill() {
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.kill("SIGKILL");
    await ended;
  }

  // cli runs a command of kith and gives what it prints, as JSON.
  async cli(...args) {
    const { stdout } = await run(kith, [...args, "--json"], { env: this.env });
    return stdout.trim() ? JSON.parse(stdout.trim().split("\n").at(-1)) : undefined;
  }

  async end() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}

// A World is some nodes, a browser with a window for each, and what went wrong
// in any of them.
export class World {
  nodes = [];
  problems = [];
  // Patterns of problems that belong to the test; the network of the machine
  // may change at any time, and the page goes on.
  expected = [/ERR_NETWORK_CHANGED/];

  // open takes further arguments of Chromium's command line.
  static async open(t, { args = [] } = {}) {
    const world = new World();
    t.after(() => world.close());
    world.browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--no-first-run", ...args],
    });
    return world;
  }

  async node() {
    const node = await new Node().start();
    this.nodes.push(node);
    return node;
  }

  // page opens a node's page in a browser of its own.
  async page(node, options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1100, height: 760 }, locale: "en-GB", permissions: ["clipboard-read", "clipboard-write"], ...options });
    context.setDefaultTimeout(patience);
    const page = this.watch(await context.newPage(), node);
    await page.goto(await this.link(node));
    return page;
  }

  // tab opens the page of a node once more, beside one that is open.
  async tab(page, node) {
    const tab = this.watch(await page.context().newPage(), node);
    await tab.goto(node.origin);
    return tab;
  }

  watch(page, node) {
    page.on("console", (m) => m.type() === "error" && this.problem(m.text()));
    page.on("pageerror", (e) => this.problem(String(e)));
    page.on("request", (r) => {
      const url = new URL(r.url());
      if (url.origin !== node.origin && !ownSchemes.includes(url.protocol)) this.problem(`a request to ${r.url()}`);
    });
    return page;
  }

  // link is a fresh one: each works once.
  async link(node) {
    const first = node.used ? (await run(kith, ["--no-open"], { env: node.env })).stdout : node.url;
    node.used = true;
    return /http:[^\s"]+/.exec(first)[0];
  }

  problem(text) {
    if (!this.expected.some((pattern) => pattern.test(text))) this.problems.push(text);
  }

  // pair makes two nodes with names contacts.
  async pair(a = "Anna", b = "Bob") {
    const [anna, bob] = await Promise.all([this.node(), this.node()]);
    await Promise.all([anna.cli("me", "--name", a), bob.cli("me", "--name", b)]);
    const { line } = await anna.cli("invite");
    await bob.cli("join", line);
    return [anna, bob];
  }

  async close() {
    await this.browser?.close();
    await Promise.all(this.nodes.map((node) => node.end()));
  }
}
