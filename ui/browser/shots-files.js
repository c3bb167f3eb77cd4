// Pictures of files: sent, shown, looked through, on their way; a part of npm
// run screenshots.

import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, film, hand, pdf, picture } from "./files.js";
import { settles } from "./page.js";

const end = (page) => page.keyboard.press("Escape").then(() => page.locator("dialog").waitFor({ state: "detached" }));
const still = async (page) => {
  await page.locator("dialog").waitFor();
  await page.waitForTimeout(400);
};

// hour is a time of day, some hours from now.
const hour = (later) => `${String((new Date().getHours() + later) % 24).padStart(2, "0")}:00`;

// exhibit has Bob share what a family does, in a sphere with Anna.
export async function exhibit(world, anna, bob, folder) {
  const [hers, his] = await Promise.all([world.page(anna), world.page(bob)]);
  const { id } = await call(hers, "POST", "/spheres", { name: "Holidays", about: "By the lake" });
  await call(hers, "POST", `/spheres/${id}/invite`, { contacts: ["Bob"] });
  await settles("asked", () => call(his, "GET", "/spheres").then((l) => l.length), 1);
  await call(his, "POST", `/spheres/${id}/join`);
  await settles("inside", () => call(hers, "GET", `/spheres/${id}`).then((s) => s.members.length), 2);
  const put = (path, bytes) => writeFileSync(join(folder, path), bytes);
  mkdirSync(join(folder, "Recipes", "Cakes"), { recursive: true });
  for (const [name, words, w, h, colour] of [["lake.jpg", "Lake", 1600, 1000, "#2a7a6b"], ["tower.jpg", "Tower", 800, 1400, "#8a4aa8"], ["dog.jpg", "Dog", 1200, 1200, "#9a5a28"]]) {
    put(name, Buffer.from(await picture(his, words, w, h, colour), "base64"));
  }
  put("swimming.webm", film());
  put("tickets for the ferry to the island, there and back.pdf", pdf("Ferry"));
  put("what to bring.txt", "Bread\nCheese\nMatches\n");
  put("waves.mp3", randomBytes(40_000));
  put("Recipes/Cakes/apple.txt", "Apples, flour");
  put("Recipes/soup.txt", "Leeks");
  const share = (names, caption) => call(his, "POST", `/conversations/${id}/files`, { paths: names.map((n) => join(folder, n)), caption });
  await share(["tickets for the ferry to the island, there and back.pdf"], "");
  await share(["waves.mp3"], "");
  await share(["Recipes"], "");
  await share(["tower.jpg"], "");
  await share(["dog.jpg"], "");
  await share(["swimming.webm"], "");
  await share(["lake.jpg"], "Our place. **So** quiet!");
  await share(["what to bring.txt"], "");
  await settles("all of it", () => call(hers, "GET", `/files?conversation=${id}&limit=50`).then((l) => l.filter((m) => m.file.transfer.state === "complete").length), 8);
  // One that is on its way, slowly, and one that is not wanted yet.
  await call(hers, "PUT", "/transfers/settings", { ...(await call(hers, "GET", "/transfers")).settings, down: 150_000, hours: [{ from: hour(6), until: hour(12), down: 0, up: 0 }] });
  put("all of summer.zip", randomBytes(60_000_000));
  put("old films.iso", randomBytes(2_000_000));
  await share(["all of summer.zip"], "");
  await call(hers, "PATCH", `/conversations/${id}/folder`, { fetch: "click" });
  await share(["old films.iso"], "");
  await Promise.all([hers.context().close(), his.context().close()]);
  return id;
}

// shared shows them.
export async function shared(page, shot, id) {
  await page.evaluate((id) => (location.hash = `#/c/${id}`), id);
  await page.locator("main .card").last().waitFor();
  await page.waitForTimeout(900);
  await shot("files");
  await page.locator("main .box").evaluate((b) => b.scrollBy(0, -700));
  await page.waitForTimeout(500);
  await shot("files-above");
  await page.locator("main .visual .picture").last().click();
  await still(page);
  await shot("gallery");
  await end(page);
  await page.locator("main header .icon[aria-pressed]").click();
  await page.locator("main section .one").first().waitFor();
  await page.waitForTimeout(300);
  await shot("shelf");
  await page.locator("main section .kinds button").nth(1).click();
  await page.locator("main section .line img").first().waitFor();
  await page.waitForTimeout(300);
  await shot("shelf-photos");
  await page.locator("main section .tools .icon").last().click();
  await still(page);
  await shot("folder");
  await end(page);
  await page.locator("main header .icon[aria-pressed]").click();
  await hand(page, "drop", [
    { name: "lake.jpg", type: "image/jpeg", bytes: await picture(page, "Lake") },
    { name: "the whole house in 360 degrees, with garden and cellar.pdf", type: "application/pdf", bytes: pdf("House") },
  ]);
  await page.locator("dialog li img").waitFor();
  await still(page);
  await shot("send");
  await end(page);
  if (await page.locator("header .back button").isVisible()) await page.locator("header .back button").click();
  await page.locator("aside > button").first().click();
  await still(page);
  await shot("transfers");
  await end(page);
}
