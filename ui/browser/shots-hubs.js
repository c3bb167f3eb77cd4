// Pictures of hubs: a part of npm run screenshots.

import { Hub } from "./hub.js";

// asleep has Anna and Eve use a hub; Eve is away, and it holds what Anna wrote
// to her.
export async function asleep(world, anna) {
  const hub = new Hub();
  world.nodes.push(hub); // ends with them
  await hub.start();
  const eve = await world.node();
  await eve.cli("me", "--name", "Eve");
  for (const node of [anna, eve]) await node.cli("hubs", "add", hub.url);
  await eve.cli("join", (await anna.cli("invite")).line);
  await eve.cli("send", "Anna", "I’m on the train, no network until tonight");
  await hub.moderate("notice", "On Sunday this hub moves to a new machine, and is away for an hour.");
  const page = await world.page(anna);
  await page.locator("nav .entry", { hasText: "on the train" }).waitFor();
  await eve.cli("down");
  await anna.cli("send", "Eve", "The key is under the blue pot");
  await page.locator("nav .entry", { hasText: "blue pot" }).click();
  await page.locator('li[data-id] .state[title*="127.0.0.1"]').last().waitFor();
  await page.context().close();
}

// held shows what a hub keeps for somebody, and who that is.
export async function held(page, shot) {
  await page.locator("nav .entry", { hasText: "blue pot" }).click();
  const bubble = page.locator("li[data-id]").last();
  await bubble.waitFor();
  await page.waitForTimeout(200);
  await shot("held");
  await bubble.hover();
  await bubble.locator(".actions").click();
  await page.getByRole("menuitem", { name: /^(Details|Détails)$/ }).click();
  await page.getByRole("dialog").waitFor();
  await page.waitForTimeout(300);
  await shot("held-details");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
}
