// Words for what people do on the page, in English.

import { expect } from "./expect.js";
import { patience } from "./world.js";

// shut waits until the dialog is gone.
export async function shut(page) {
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
}

export const field = (page) => page.getByRole("textbox", { name: /^(Write to|Écrire à)/ });
export const bubbles = (page) => page.locator("li[data-id]");
export const bubble = (page, text) => bubbles(page).filter({ hasText: text });

export async function open(page, name) {
  await page.getByRole("navigation").getByRole("button", { name }).click();
  await field(page).waitFor();
}

export async function say(page, text) {
  await field(page).fill(text);
  await field(page).press("Enter");
  await bubble(page, text.split("\n")[0]).last().waitFor();
}

// act chooses from the menu of a message.
export async function act(page, text, item) {
  const line = bubble(page, text).last();
  await line.hover();
  await line.getByRole("button", { name: "What to do with this message" }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

// conversation is what the node has of the one with somebody.
export const conversation = (page, name = "Bob") => page.evaluate((name) => fetch(`/api/v1/conversations/${encodeURIComponent(name)}`).then((r) => r.json()), name);

// settles waits until a value is as it should be.
export async function settles(what, get, want, timeout = patience) {
  const end = Date.now() + timeout;
  for (;;) {
    const got = await get();
    if (typeof want === "function" ? want(got) : got === want) return;
    if (Date.now() > end) expect(what, got, want);
    await new Promise((done) => setTimeout(done, 50));
  }
}
