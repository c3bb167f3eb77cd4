// Pictures of every view, light and dark, wide and on a phone, for people to
// look at: npm run screenshots; they are in ui/shots.

import { mkdirSync } from "node:fs";
import { World } from "./world.js";

const ends = [];
const world = await World.open({ after: (end) => ends.push(end) });
mkdirSync("shots", { recursive: true });

try {
  const carl = await world.node();
  const fresh = await world.page(carl);
  await fresh.getByRole("textbox").waitFor();
  await fresh.screenshot({ path: "shots/first-name.png" });
  await fresh.getByRole("textbox").fill("Carl");
  await fresh.keyboard.press("Enter");
  await fresh.getByRole("button", { name: "Invite someone" }).first().waitFor();
  await fresh.screenshot({ path: "shots/first-begin.png" });

  const [anna, bob] = await world.pair("Anna", "Bob");
  const reusable = await anna.cli("invite", "--reusable");
  await carl.cli("join", reusable.line);
  const say = async (from, to, text) => (await from.cli("send", to, text)).id ?? undefined;
  await say(anna, "Bob", "Hi Bob, did you see the photos from **Sunday**?");
  await say(bob, "Anna", "Just looking. The one by the lake is great!");
  await say(bob, "Anna", "Could you send me the *full size* ones? Then I can print them.\nhttps://example.org/print is what I use.");
  await say(anna, "Bob", "Sure:\n- lake\n- dog\n- cake\n\n```\nscp lake.raw bob:\n```");
  await say(bob, "Anna", "> lake\nThat one first 😀");
  await new Promise((done) => setTimeout(done, 1000));

  for (const [name, options] of Object.entries({
    light: {},
    dark: { colorScheme: "dark" },
    phone: { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true },
    french: { locale: "fr-FR" },
  })) {
    const page = await world.page(anna, options);
    const shot = (view) => page.screenshot({ path: `shots/${name}-${view}.png`, animations: "disabled" });
    const dialog = async (view) => {
      await page.getByRole("dialog").waitFor();
      await page.waitForTimeout(300);
      await shot(view);
      await page.keyboard.press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });
    };
    await page.getByText("Bob").first().waitFor();
    await shot("list");
    await page.locator("nav button").first().click();
    await page.locator("li[data-id]").last().waitFor();
    await page.waitForTimeout(200);
    await shot("chat");
    const bubble = page.locator("li[data-id]").last();
    await bubble.hover();
    await bubble.locator(".actions").click();
    await page.waitForTimeout(150);
    await shot("menu");
    await page.getByRole("menuitem", { name: /👍/ }).click();
    await page.waitForTimeout(200);
    await bubble.locator(".actions").click();
    await page.getByRole("menuitem").nth(7).click();
    await shot("answer");
    await page.keyboard.press("Escape");
    await page.locator("header .who").last().click();
    await dialog("contact");
    await page.locator("header .status").last().click();
    await dialog("connection");
    await page.keyboard.press("Control+f");
    await page.getByRole("searchbox").fill("lake");
    await page.waitForTimeout(500);
    await shot("search");
    await page.keyboard.press("Escape");
    if (name === "phone") await page.locator("header .back button").click();
    const header = page.locator("aside header button");
    for (const [i, view] of [[0, "status"], [1, "several"], [2, "invite"], [3, "join"], [4, "settings"]]) {
      await header.nth(i).click();
      await dialog(view);
    }
    await page.keyboard.press("?");
    await dialog("shortcuts");
    await page.context().close();
  }
  if (world.problems.length) console.error(world.problems);
} finally {
  for (const end of ends) await end();
}
