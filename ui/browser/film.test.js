// A film of two hours is played, and one goes about in it, while it arrives over
// a line of 5 MB/s. What tells where its frames are lies at its end, as cameras
// write it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { call } from "./files.js";
import { open, settles } from "./page.js";
import { World, missing } from "./world.js";

const line = 5_000_000; // bytes a second
const hours = 2 * 60 * 60;

// film makes one of about 185 MB: a clock that ticks, and the sound of rain.
function film(folder) {
  const path = join(folder, "long film.mp4");
  const args = ["-v", "error", "-f", "lavfi", "-i", `testsrc=size=128x72:rate=1:duration=${hours}`, "-f", "lavfi", "-i", `anoisesrc=r=8000:d=${hours}`];
  args.push("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p", "-c:a", "flac", "-strict", "-2", "-shortest", path);
  const made = spawnSync("ffmpeg", args, { stdio: ["ignore", "ignore", "pipe"] });
  return made.status === 0 ? path : undefined;
}

test("a film of two hours", { skip: missing, timeout: 900_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "kith-film-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = film(folder);
  if (!path) return t.skip("there is no ffmpeg with libx264 on this machine to make a film");
  const size = statSync(path).size;
  const world = await World.open(t);
  const [annaNode, bobNode] = await world.pair();
  const [anna, bob] = await Promise.all([world.page(annaNode), world.page(bobNode)]);
  await call(bob, "PATCH", "/conversations/Anna/folder", { fetch: "click" });
  const { settings } = await call(anna, "GET", "/transfers");
  await call(anna, "PUT", "/transfers/settings", { ...settings, up: line });
  await annaNode.cli("share", "Bob", path);
  await open(bob, /Anna/);
  const done = async () => {
    const [message] = await call(bob, "GET", "/files?conversation=Anna&limit=1");
    return message.file.transfer.done / size;
  };
  await bob.getByRole("main").getByRole("button", { name: /long film\.mp4/ }).press("Enter"); // in the middle of it is what fetches it
  const video = bob.getByRole("dialog").locator("video");
  await video.waitFor();
  const at = () => video.evaluate((v) => (v.seeking ? -1 : v.currentTime));
  const begun = Date.now();
  await video.evaluate((v) => ((v.muted = true), v.play()));
  await settles("it plays", at, (now) => now > 0.5);
  t.diagnostic(`it played after ${Date.now() - begun} ms, with ${Math.round(100 * (await done()))} % of it here`);
  assert.ok((await done()) < 0.9, "it was there before it was played: this proves nothing");
  for (const goal of [5400, 600, 7000]) {
    const went = Date.now();
    await video.evaluate((v, goal) => (v.currentTime = goal), goal);
    await settles(`from ${goal} s on`, at, (now) => now > goal + 0.5);
    t.diagnostic(`from ${goal} s on after ${Date.now() - went} ms, with ${Math.round(100 * (await done()))} % of it here`);
  }
  assert.equal(await video.evaluate((v) => v.error), null);
  assert.deepEqual(world.problems, []);
});
