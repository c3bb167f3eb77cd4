// A hub of its own for the tests of the page, on loopback.

import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { kith } from "./world.js";

const run = promisify(execFile);

export class Hub {
  folder = mkdtempSync(join(tmpdir(), "kith-hub-"));

  async start() {
    await run(kith, ["hub", "init", this.folder, "--listen", "127.0.0.1:0"]);
    const config = join(this.folder, "hub.toml");
    writeFileSync(config, readFileSync(config, "utf8").replace(/^metrics = .*$/m, 'metrics = ""')); // its port may be taken
    this.process = spawn(kith, ["hub", "run", this.folder, "--log-level", "warn"], { stdio: ["ignore", "pipe", "inherit"] });
    this.url = await new Promise((done, failed) => {
      let text = "";
      this.process.once("exit", (code) => failed(new Error(`the hub ended with ${code}`)));
      this.process.stdout.on("data", (data) => {
        text += data;
        const url = /http:\S+/.exec(text)?.[0];
        if (url) done(url);
      });
    });
    this.host = new URL(this.url).host;
    return this;
  }

  // moderate runs a command of its moderator.
  async moderate(command, ...args) {
    const { stdout } = await run(kith, ["hub", command, this.folder, ...args, "--json"]);
    return stdout.trim() ? JSON.parse(stdout) : undefined;
  }

  async end() {
    const ended = this.process && new Promise((done) => this.process.once("exit", done));
    if (this.process?.kill("SIGTERM")) await ended;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
