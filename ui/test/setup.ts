// What happy-dom lacks of a browser, and nothing from the network.
import { afterEach, beforeEach, vi } from "vitest";
import { cleanup } from "./render";

beforeEach(() => {
  localStorage.clear();
  globalThis.fetch = vi.fn(() => Promise.reject(new TypeError("no network in tests")));
});
afterEach(cleanup);
