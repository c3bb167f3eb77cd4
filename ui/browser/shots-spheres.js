// Pictures of spheres, and of a page whose node is away: a part of npm run
// screenshots.

import { call } from "./files.js";

const end = (page) => page.keyboard.press("Escape").then(() => page.locator("dialog").waitFor({ state: "detached" }));
const still = async (page) => {
  await page.locator("dialog").waitFor();
  await page.waitForTimeout(300);
};

// roster shows who is in a sphere, what may be done with them, and how others
// come in.
export async function roster(page, shot, id) {
  await page.evaluate((id) => (location.hash = `#/c/${id}`), id);
  await page.locator("main header .who").click();
  await still(page);
  await shot("sphere");
  await page.locator("dialog .member button").first().click();
  await shot("sphere-member");
  await page.locator("dialog .may .bad").last().click();
  await shot("sphere-sure");
  await page.locator("dialog .body > .row .primary").click();
  await still(page);
  await page.locator("dialog form").last().locator("button").click();
  await page.locator("dialog svg[role=img], dialog canvas, dialog textarea").first().waitFor();
  await page.locator("dialog .body").evaluate((b) => (b.scrollTop = b.scrollHeight));
  await still(page);
  await shot("sphere-invite");
  await end(page);
}

// away shows Bob, who is muted in the sphere, and then his page without its node.
export async function away(world, anna, bob, id, looks) {
  const hers = await world.page(anna);
  await call(hers, "POST", `/spheres/${id}/members/Bob/mute`, { seconds: 4 * 3600 });
  await hers.context().close();
  const pages = [];
  for (const [name, options] of Object.entries(looks)) {
    const page = await world.page(bob, options);
    await page.evaluate((id) => (location.hash = `#/c/${id}`), id);
    await page.locator("main .note").waitFor();
    await page.waitForTimeout(500);
    await page.screenshot({ path: `shots/${name}-muted.png` });
    pages.push([name, page]);
  }
  world.expected.push(/./); // what follows is full of errors
  await bob.kill();
  for (const [name, page] of pages) {
    await page.locator(".banner").waitFor();
    await page.screenshot({ path: `shots/${name}-away.png` });
    await page.context().close();
  }
}
