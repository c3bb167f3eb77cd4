// What may happen to a page: its node dies, others are hostile, there is no
// mouse, another language, a small screen; and who can't see it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "./axe.js";
import { act, bubble, bubbles, conversation, field, open, say, settles, shut } from "./page.js";
import { World, gone, missing } from "./world.js";

test("a page in all its states", { skip: missing, timeout: 900_000 }, async (t) => {
  const world = await World.open(t);
  const [annaNode, bobNode] = await world.pair();
  await bobNode.cli("send", "Anna", "first");
  const anna = await world.page(annaNode);

  await t.test("the node dies while one writes, and comes back", async () => {
    await open(anna, /Bob/);
    await bubble(anna, "first").waitFor();
    await anna.waitForLoadState("networkidle"); // the views for later are here
    world.expected.push(gone);
    await field(anna).pressSequentially("half a sen");
    await annaNode.kill();
    await anna.getByText("Kith does not answer. It is tried again by itself").waitFor();
    // Nothing is green then, and what was never opened opens all the same.
    await settles("no light of before", () => anna.locator("svg.connected").count(), 0);
    for (const colorScheme of ["light", "dark"]) {
      await anna.emulateMedia({ colorScheme });
      await accessible(anna, `without the node, ${colorScheme}`);
    }
    await anna.locator("aside header .status").click();
    await anna.getByRole("dialog", { name: "Connection" }).getByText("Your own Kith does not answer").waitFor();
    await shut(anna);
    await anna.getByRole("button", { name: "Settings" }).click();
    await anna.getByRole("dialog", { name: "Settings" }).getByText("Your name").waitFor();
    await shut(anna);
    await field(anna).focus();
    await field(anna).press("End");
    await field(anna).pressSequentially("tence");
    await field(anna).press("Enter");
    await anna.getByText("Kith does not answer. Is it still running").or(anna.getByText("It is tried again")).first().waitFor();
    await settles("what was typed", () => field(anna).inputValue(), "half a sentence");
    await bobNode.cli("send", "Anna", "while you were away");
    await annaNode.start();
    await anna.getByText("It is tried again by itself").waitFor({ state: "detached" });
    await bubble(anna, "while you were away").waitFor();
    await field(anna).press("Enter");
    await bubble(anna, "half a sentence").waitFor();
    assert.equal(await bubble(anna, "half a sentence").count(), 1);
    assert.equal(await field(anna).inputValue(), "");
    await field(anna).fill("a draft");
    await settles("the draft kept", async () => (await conversation(anna)).draft?.text, "a draft");
    await anna.reload();
    await settles("the draft after a reload", () => field(anna).inputValue(), "a draft");
    await field(anna).fill("");
  });

  await t.test("hostile names and messages do nothing", async () => {
    const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>\u202Egnp.exe`;
    await bobNode.cli("me", "--name", `${"W".repeat(440)}<b>`);
    await bobNode.cli("send", "Anna", evil);
    await bobNode.cli("send", "Anna", "x".repeat(65536));
    await bubble(anna, "<img src=x").waitFor();
    await bubble(anna, "xxxxxxxxxxxxxx").getByRole("button", { name: /Show all/ }).click();
    assert.equal(await anna.title().then((s) => s.includes("owned")), false);
    assert.equal(await anna.locator("li img, li script, aside b").count(), 0);
    for (const width of [1100, 390]) {
      await anna.setViewportSize({ width, height: 760 });
      const wide = await anna.evaluate(() => [document.documentElement, ...document.querySelectorAll("aside, main, .box, header")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className || e.tagName));
      assert.deepEqual(wide, [], `wider than ${width}`);
      await settles("the height of the field", () => field(anna).boundingBox().then((b) => b?.height ?? 0), (h) => h > 30 && h < 60);
    }
    await anna.setViewportSize({ width: 1100, height: 760 });
    await bobNode.cli("me", "--name", "Bob");
    await anna.getByRole("navigation").getByRole("button", { name: /^Bob/ }).waitFor();
  });

  await t.test("by keyboard alone", async () => {
    const page = await world.page(annaNode);
    await page.getByText("Bob").first().waitFor();
    await page.keyboard.press("Alt+ArrowDown");
    await field(page).waitFor();
    await settles("focus in the field", () => field(page).evaluate((f) => f === document.activeElement), true);
    await page.keyboard.type("no mouse");
    await page.keyboard.press("Enter");
    await bubble(page, "no mouse").waitFor();
    await page.keyboard.press("Shift+Tab"); // emoji
    await page.keyboard.press("Shift+Tab"); // the last message
    await settles("focus on the message", () => page.evaluate(() => document.activeElement.textContent.includes("no mouse")), true);
    await page.keyboard.press("Enter");
    await page.getByRole("menu").waitFor();
    await page.keyboard.press("Enter"); // 👍
    await bubble(page, "no mouse").getByRole("button", { name: /👍/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("menu").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("menu").waitFor({ state: "detached" });
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await shut(page);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, "none");
    await page.context().close();
  });

  await t.test("who asks is accepted or refused", async () => {
    const [carl, eve] = await Promise.all([world.node(), world.node()]);
    const { line } = await annaNode.cli("invite", "--reusable");
    const page = await world.page(carl);
    await page.getByLabel("What should people call you?").waitFor();
    await accessible(page, "first name");
    await page.keyboard.type("Carl");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Hello, Carl" }).first().waitFor();
    await accessible(page, "beginning");
    await eve.cli("me", "--name", "Eve");
    await Promise.all([carl.cli("join", line), eve.cli("join", line)]);
    await page.getByRole("navigation").getByText("Has not accepted yet").waitFor();
    await anna.getByRole("group", { name: "Eve" }).getByRole("button", { name: "Refuse" }).click();
    await anna.getByRole("group", { name: "Eve" }).waitFor({ state: "detached" });
    await accessible(anna, "a request");
    await anna.getByRole("group", { name: "Carl" }).getByRole("button", { name: "Accept" }).click();
    await say(anna, "Welcome");
    await page.getByRole("navigation").getByText("Welcome").waitFor();
    await page.context().close();
    await open(anna, /Bob/);
  });

  await t.test("nothing serious for axe, light and dark", async () => {
    for (const colorScheme of ["light", "dark"]) {
      await anna.emulateMedia({ colorScheme });
      await accessible(anna, `conversation, ${colorScheme}`);
      for (const [opener, view] of [
        [anna.locator("header .who").last(), "contact"],
        [anna.locator("header .status").last(), "connection"],
        [anna.locator("aside header button").nth(0), "status"],
        [anna.locator("aside header button").nth(1), "several"],
        [anna.locator("aside header button").nth(2), "new sphere"],
        [anna.locator("aside header button").nth(3), "invite"],
        [anna.locator("aside header button").nth(4), "join"],
        [anna.locator("aside header button").nth(5), "settings"],
        [{ click: () => anna.keyboard.press("?") }, "shortcuts"],
        [{ click: () => act(anna, "no mouse", "Details") }, "details"],
      ]) {
        await opener.click();
        await anna.getByRole("dialog").waitFor();
        await settles("loaded", () => anna.getByText("Loading…").count(), 0);
        await accessible(anna, `${view}, ${colorScheme}`);
        await shut(anna);
      }
      await bubbles(anna).last().hover();
      await bubbles(anna).last().locator(".actions").click();
      await anna.getByRole("menu").waitFor();
      await accessible(anna, `menu, ${colorScheme}`);
      await anna.keyboard.press("Escape");
      await anna.keyboard.press("Control+k");
      await anna.getByRole("searchbox").fill("?!"); // no word, and no error
      await anna.getByText("Nothing was found.").waitFor();
      await anna.getByRole("searchbox").fill("first");
      await anna.locator(".found").getByRole("button", { name: /first/ }).waitFor();
      await accessible(anna, `search, ${colorScheme}`);
      await anna.keyboard.press("Escape");
    }
  });

  await t.test("French, on a phone", async () => {
    const phone = await world.page(annaNode, { locale: "fr-FR", viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true });
    await phone.getByRole("navigation", { name: "Conversations" }).getByRole("button", { name: /Bob/ }).tap();
    await field(phone).waitFor();
    assert.equal(await phone.locator("html").getAttribute("lang"), "fr");
    assert.equal(await phone.locator("aside").isVisible(), false);
    await field(phone).fill("Bonjour");
    await phone.getByRole("button", { name: "Envoyer" }).tap();
    await bubble(phone, "Bonjour").waitFor();
    await phone.getByText("Aujourd’hui").waitFor();
    assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 360);
    await phone.locator("main header").getByRole("button", { name: "Que faire de cette conversation" }).tap();
    await phone.getByRole("menuitem", { name: "Rechercher dans cette conversation" }).tap();
    await phone.getByRole("searchbox", { name: /Rechercher dans la conversation avec/ }).fill("bonj");
    await phone.locator(".found").getByRole("button", { name: /Bonjour/ }).tap();
    await bubble(phone, "Bonjour").waitFor();
    await phone.getByRole("button", { name: "Retour à la liste" }).tap();
    await phone.locator("aside header").getByRole("button", { name: "J’ai une invitation" }).tap();
    world.expected.push(/status of 422/);
    await phone.getByRole("textbox", { name: "Collez l’invitation" }).fill("kith:abc");
    await phone.getByRole("button", { name: "Se connecter" }).tap();
    await phone.getByRole("alert").filter({ hasText: "Cette invitation est abîmée ou incomplète" }).waitFor();
    world.expected.pop();
    await shut(phone);
    await phone.getByRole("button", { name: "Paramètres" }).tap();
    await phone.getByRole("tab", { name: "Stockage et sauvegarde" }).tap();
    await phone.getByRole("heading", { name: "Phrase secrète" }).waitFor();
    await phone.getByRole("tab", { name: "Ce navigateur" }).tap();
    await phone.getByLabel("Langue").selectOption("en");
    await phone.getByRole("heading", { name: "Settings" }).waitFor();
    await phone.context().close();
  });

  assert.deepEqual(world.problems, []);
});
