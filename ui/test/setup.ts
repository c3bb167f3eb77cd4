// What happy-dom lacks of a browser, and nothing from the network.
import { afterEach, beforeEach, vi } from "vitest";
import { i18n } from "../src/i18n/index.svelte";
import { cleanup } from "./render";

await i18n.load("fr");

beforeEach(() => {
  localStorage.clear();
  globalThis.fetch = vi.fn(() => Promise.reject(new TypeError("no network in tests")));
});
afterEach(cleanup);
