// Files on their way to the node.

import { beforeEach, expect, test, vi } from "vitest";
import { Failure } from "../src/lib/api";
import { files } from "../src/lib/files.svelte";
import { Upload, uploads, type Put } from "../src/lib/upload.svelte";
import { answers, share } from "./samples";

const picked = (...paths: string[]) => paths.map((path) => ({ path, file: new File(["12345678"], path.split("/").at(-1)!) }));
const pathOf = (url: string) => new URL(url, "http://x").searchParams.get("path");

beforeEach(() => void (files.sealing = new Map()));

test("all arrive, some at once, and are shared together", async () => {
  let [now, most] = [0, 0];
  const put: Put = async (_, file, progress) => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    progress(file.size + 200); // what is sent is more than the file
    now--;
  };
  const u = new Upload("conv", picked("Trip/a", "Trip/b", "c.txt", "C.txt", "c.txt"), { caption: "look" }, put);
  let body: unknown;
  const asked = answers({ [`POST /conversations/conv/uploads/${u.batch}`]: async (r: Request) => ((body = await r.json()), [share("m1")]) });
  expect([u.name, u.more]).toEqual(["Trip", 3]);
  expect((await u.run()).map((m) => m.id)).toEqual(["m1"]);
  expect([most, u.sent, u.total, body, asked.length]).toEqual([3, 40, 40, { caption: "look" }, 1]);
  expect(u.items.map((i) => i.path)).toEqual(["Trip/a", "Trip/b", "c.txt", "C (2).txt", "c (3).txt"]);
});

test("after a failure only what is missing is sent again", async () => {
  const sent: (string | null)[] = [];
  let broken = true;
  const put: Put = async (url) => {
    if (broken && pathOf(url) === "b") throw new Failure("internal", "the disk is full: remove something");
    sent.push(pathOf(url));
  };
  const u = new Upload("conv", picked("a", "b"), {}, put);
  await expect(u.run()).rejects.toThrow();
  expect([u.stage, u.error!.message]).toEqual(["failed", "The disk is full: remove something."]);
  broken = false;
  answers({ [`POST /conversations/conv/uploads/${u.batch}`]: [share("m1")] });
  await u.run();
  expect(sent).toEqual(["a", "b"]);
});

test("one that failed waits, and one that is given up is forgotten at the node too", async () => {
  const asked = answers({});
  globalThis.XMLHttpRequest = class {
    upload = {};
    onerror = () => {};
    open() {}
    setRequestHeader() {}
    abort() {}
    send() {
      queueMicrotask(() => this.onerror());
    }
  } as unknown as typeof XMLHttpRequest;
  const u = uploads.start("conv", picked("a"), {});
  expect(files.sending).toBe(true);
  await vi.waitFor(() => expect(u.stage).toBe("failed"));
  expect([uploads.of("conv").length, uploads.of("other").length, u.error!.kind]).toEqual([1, 0, "unreachable"]);
  await uploads.cancel(u);
  expect([uploads.all.length, files.sending, asked]).toEqual([0, false, [`DELETE /conversations/conv/uploads/${u.batch}`]]);
});

test("how far it was read is that of its conversation", () => {
  const u = new Upload("conv", picked("a"), {});
  files.seals({ conversation: "conv", name: "a", done: 1, total: 4, ended: false });
  files.seals({ conversation: "other", name: "a", done: 4, total: 4, ended: false });
  expect(u.sealed).toBe(0.25);
});
