// Pictures of what one sets, compares, reads and is helped with: a part of
// npm run screenshots.

const end = (page) => page.keyboard.press("Escape").then(() => page.locator("dialog").waitFor({ state: "detached" }));
const still = async (page) => {
  await page.locator("dialog").waitFor();
  await page.waitForTimeout(300);
};

// settings shows each page of the settings, and the bottom of the long one.
export async function settings(page, shot) {
  await page.locator("aside header button").nth(5).click();
  const body = page.locator("dialog .body");
  for (const [i, view] of ["you", "browser", "keys", "storage", "network", "about"].entries()) {
    await page.getByRole("tab").nth(i).click();
    await still(page);
    await shot(`settings-${view}`);
    if (view !== "storage") continue;
    await body.evaluate((b) => (b.scrollTop = b.scrollHeight));
    await shot("settings-backup");
    await body.evaluate((b) => (b.scrollTop = 0));
    await page.locator("dialog [popovertarget]").first().click();
    await still(page);
    await shot("help");
    await page.keyboard.press("Escape");
  }
  await end(page);
}

// people shows a contact's page, to its end.
export async function people(page, shot) {
  await page.locator("main header .who").click();
  await still(page);
  await shot("contact");
  const body = page.locator("dialog .body");
  await page.locator("dialog summary").first().click();
  await body.evaluate((b) => (b.scrollTop = 330));
  await shot("contact-safety");
  await body.evaluate((b) => (b.scrollTop = b.scrollHeight));
  await shot("contact-end");
  await end(page);
}

// blocked shows the connection with somebody who is blocked.
export async function blocked(page, shot) {
  await page.locator("aside header button").first().click();
  await page.locator("dialog li button").filter({ hasText: "Dora" }).click();
  await still(page);
  await shot("connection-blocked");
  await end(page);
}

// reading shows an invitation that the camera reads, and two pasted lines.
export async function reading(page, shot) {
  await page.locator("aside header button").nth(4).click();
  await page.locator("dialog .with-icon").nth(1).click();
  await page.waitForTimeout(900);
  await shot("join-read");
  await end(page);
}

export async function offer(page, shot) {
  await page.locator("main header .status").click();
  await still(page);
  await shot("connection");
  await page.locator("dialog .body > .row > button:not(.primary)").first().click();
  await still(page);
  await page.locator("dialog button[type=submit]").first().click();
  await page.locator("dialog summary").click();
  await still(page);
  await shot("offer");
  await end(page);
}
