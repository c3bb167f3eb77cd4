// Pictures of every view, light and dark, wide and on a phone, for people to
// look at: npm run screenshots; they are in ui/shots.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { video } from "./codes.js";
import { arrange, choosing, rows } from "./shots-conversations.js";
import { exhibit, shared } from "./shots-files.js";
import { asleep, held } from "./shots-hubs.js";
import { away, roster } from "./shots-spheres.js";
import { blocked, offer, people, reading, settings } from "./shots.js";
import { World } from "./world.js";

const ends = [];
const folder = mkdtempSync(join(tmpdir(), "kith-shots-"));
const film = join(folder, "camera.y4m");
const world = await World.open({ after: (end) => ends.push(end) }, { args: ["--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${film}`] });
mkdirSync("shots", { recursive: true });

const looks = {
  light: {},
  dark: { colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true },
  french: { locale: "fr-FR" },
};

// first shows what somebody sees who begins.
async function first() {
  const node = await world.node();
  for (const [name, options] of Object.entries(looks)) {
    const page = await world.page(node, options);
    await page.getByRole("textbox").waitFor();
    await page.screenshot({ path: `shots/${name}-first.png` });
    await page.locator("button.link").click();
    await page.locator("summary").waitFor();
    await page.screenshot({ path: `shots/${name}-restore.png` });
    await page.context().close();
  }
  await node.cli("me", "--name", "Carl");
  for (const [name, options] of Object.entries(looks)) {
    const page = await world.page(node, options);
    await page.locator(".cards").filter({ visible: true }).waitFor();
    await page.screenshot({ path: `shots/${name}-begin.png` });
    await page.context().close();
  }
  return node;
}

// village makes Anna, whom Carl asks, who talks with Bob and has blocked Dora.
async function village(carl) {
  const [anna, bob] = await world.pair("Anna", "Bob");
  const dora = await world.node();
  await dora.cli("me", "--name", "Dora");
  await dora.cli("join", (await anna.cli("invite")).line);
  await dora.cli("send", "Anna", "You can’t ignore me forever");
  await anna.cli("block", "Dora", "--for", "1h");
  await carl.cli("join", (await anna.cli("invite", "--reusable")).line);
  const say = (from, to, text) => from.cli("send", to, text);
  await say(anna, "Bob", "Hi Bob, did you see the photos from **Sunday**?");
  await say(bob, "Anna", "Just looking. The one by the lake is great!");
  await say(bob, "Anna", "Could you send me the *full size* ones? Then I can print them.\nhttps://example.org/print is what I use.");
  await say(anna, "Bob", "Sure:\n- lake\n- dog\n- cake\n\n```\nscp lake.raw bob:\n```");
  await say(bob, "Anna", "> lake\nThat one first 😀");
  await arrange(world, anna, bob);
  await asleep(world, anna);
  await new Promise((done) => setTimeout(done, 1000));
  return [anna, bob];
}

async function talk(page, shot) {
  await page.locator("nav button.entry").filter({ has: page.locator(".name", { hasText: /^Bob$/ }) }).click();
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
  await page.getByRole("menuitem", { name: /^(Reply|Répondre)$/ }).click();
  await shot("answer");
  await page.keyboard.press("Escape");
  await page.locator("main form .line .icon").first().click();
  await page.waitForTimeout(150);
  await shot("emoji");
  await page.keyboard.press("Escape");
}

try {
  const [anna, bob] = await village(await first());
  const sphere = await exhibit(world, anna, bob, folder);
  video(film, (await anna.cli("invite")).line);
  for (const [name, options] of Object.entries(looks)) {
    const page = await world.page(anna, { ...options, permissions: ["camera"] });
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
    await shared(page, shot, sphere);
    await roster(page, shot, sphere);
    await page.evaluate(() => (location.hash = "#/"));
    await held(page, shot);
    if (name === "phone") await page.locator("header .back button").click();
    await rows(page, shot);
    await talk(page, shot);
    await choosing(page, shot);
    await people(page, shot);
    await offer(page, shot);
    await page.keyboard.press("Control+f");
    await page.getByRole("searchbox").fill("lake");
    await page.waitForTimeout(500);
    await shot("search");
    await page.keyboard.press("Escape");
    if (name === "phone") await page.locator("header .back button").click();
    const header = page.locator("aside header button");
    for (const [i, view] of [[0, "status"], [1, "several"], [2, "new-sphere"], [3, "invite"], [4, "join"]]) {
      await header.nth(i).click();
      await dialog(view);
    }
    await blocked(page, shot);
    await reading(page, shot);
    await settings(page, shot);
    await page.keyboard.press("?");
    await dialog("shortcuts");
    await page.context().close();
  }
  await away(world, anna, bob, sphere, looks);
  if (world.problems.length) console.error(world.problems);
} finally {
  for (const end of ends) await end();
  rmSync(folder, { recursive: true, force: true });
}
