import assert from "node:assert/strict";

// expect fails with what was seen.
export function expect(what, got, want) {
  if (typeof want === "function") assert.ok(want(got), `${what}: ${JSON.stringify(got)}`);
  else assert.deepEqual(got, want, what);
}
