// What the first view weighs.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const most = 90_000; // bytes, gzipped

test("the first view's scripts are small", { skip: !existsSync("dist/index.html") && "the page is not built" }, () => {
  const files = [...readFileSync("dist/index.html", "utf8").matchAll(/"\/([^"]+\.js)"/g)].map((m) => m[1]);
  const size = files.reduce((sum, file) => sum + gzipSync(readFileSync(`dist/${file}`)).length, 0);
  assert.ok(files.length > 0);
  assert.ok(size <= most, `${size} bytes of ${most}`);
});
