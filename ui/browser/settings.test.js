// What can be set, seen and kept safe; and the page as an installed program.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { accessible } from "./axe.js";
import { bubble, open, settles, shut } from "./page.js";
import { World, gone, missing } from "./world.js";

test("settings, storage and keys", { skip: missing, timeout: 900_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "kith-backup-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "kith.age");
  const world = await World.open(t);
  const [annaNode, bobNode] = await world.pair();
  await bobNode.cli("send", "Anna", "before the backup");
  const anna = await world.page(annaNode, { permissions: ["notifications"] });
  const sheet = anna.getByRole("dialog", { name: "Settings" });
  const tab = async (name) => {
    await sheet.getByRole("tab", { name }).click();
    await settles("loaded", () => sheet.getByText("Loading…").count(), 0);
  };
  await anna.getByRole("navigation").getByText("before the backup").waitFor();
  await anna.getByRole("button", { name: "Settings" }).click();

  await t.test("every page of it, light and dark", async () => {
    for (const colorScheme of ["light", "dark"]) {
      await anna.emulateMedia({ colorScheme });
      for (const name of ["You", "This browser", "Devices and keys", "Storage and backup", "Network", "About"]) {
        await tab(name);
        await accessible(anna, `${name}, ${colorScheme}`);
        assert.equal(await sheet.getByRole("alert").count(), 0, `${name} has no error`);
      }
    }
    await sheet.getByRole("tab", { name: "About" }).focus();
    await anna.keyboard.press("Home");
    await sheet.getByRole("textbox", { name: "Your name" }).waitFor();
  });

  await t.test("the name, as others see it", async () => {
    await tab("You");
    await sheet.getByRole("textbox", { name: "Your name" }).fill("Annie");
    await sheet.getByRole("button", { name: "Save" }).click();
    await sheet.getByText("Saved.").waitFor();
    await settles("Bob sees it", async () => JSON.stringify(await bobNode.cli("contacts")), (list) => list.includes("Annie"));
    const marks = sheet.getByRole("switch", { name: "Tell others what you have read" });
    await marks.click();
    await settles("off", () => marks.isChecked(), false);
  });

  await t.test("language and theme", async () => {
    await tab("This browser");
    await sheet.getByLabel("Theme").selectOption("light");
    await settles("light", () => anna.locator("html").getAttribute("class"), (c) => !c?.includes("dark"));
    await sheet.getByLabel("Language").selectOption("fr");
    await anna.getByRole("dialog", { name: "Paramètres" }).getByLabel("Langue").selectOption("en");
  });

  await t.test("notifications tell who, and what only if that is wanted", async () => {
    await anna.evaluate(() => {
      document.hasFocus = () => false;
      dispatchEvent(new Event("blur"));
      globalThis.told = [];
      const real = globalThis.Notification;
      globalThis.Notification = class { constructor(title, options) { globalThis.told.push([title, options.body]); } close() {} };
      Object.assign(globalThis.Notification, { permission: real.permission, requestPermission: () => real.requestPermission() });
    });
    const told = () => anna.evaluate(() => JSON.stringify(globalThis.told));
    await sheet.getByLabel("Notifications").selectOption("name");
    await bobNode.cli("send", "Annie", "for your eyes");
    await settles("who", told, JSON.stringify([["Bob", ""]]));
    await sheet.getByLabel("Notifications").selectOption("text");
    await bobNode.cli("send", "Annie", "and this");
    await settles("what", told, JSON.stringify([["Bob", ""], ["Bob", "and this"]]));
    await settles("unread in the title", () => anna.title(), "(3) Kith");
    assert.equal(await anna.locator('link[rel="icon"]').getAttribute("href"), "/icon-unread.svg");
  });

  await t.test("keys, with their state and fingerprint", async () => {
    await tab("Devices and keys");
    const keys = sheet.locator(".key");
    await settles("account and device", () => keys.count(), 2);
    for (const key of await keys.all()) {
      assert.match(await key.textContent(), /Intact/);
      assert.match(await key.locator(".mono").textContent(), /([0-9a-f]{4} ){9}[0-9a-f]{4}$/);
    }
    const own = (await keys.first().locator(".mono").textContent()).slice(-49);
    const bob = await world.page(bobNode);
    await open(bob, /Annie/);
    await bob.locator("header .who").last().click();
    const key = bob.getByRole("dialog").locator(".key");
    await key.getByText("Intact").waitFor();
    assert.ok((await key.textContent()).includes(own), "Bob has the same key of Anna");
    await accessible(bob, "contact page");
    await bob.context().close();
  });

  await t.test("storage, and where it is", async () => {
    await tab("Storage and backup");
    await sheet.getByText("3 messages in 1 conversation.").waitFor();
    await sheet.getByText(annaNode.home, { exact: true }).waitFor();
    await sheet.getByText(/^\d.* kB$/).first().waitFor();
    assert.equal(await sheet.locator(".path").first().textContent().then((p) => p.startsWith(annaNode.home)), true);
  });

  await t.test("servers are checked and kept", async () => {
    await tab("Network");
    const servers = sheet.getByRole("textbox", { name: "STUN and TURN servers" });
    world.expected.push(/status of 422/);
    await servers.fill("http://example.org");
    await sheet.getByRole("button", { name: "Save" }).click();
    await sheet.getByRole("alert").waitFor();
    world.expected.pop();
    await servers.fill("turn:turn.example.org:3478 anna se cret");
    await sheet.getByRole("button", { name: "Save" }).click();
    await sheet.getByText("Saved.").waitFor();
    await tab("About");
    await tab("Network");
    assert.equal(await servers.inputValue(), "turn:turn.example.org:3478 anna se cret");
    await servers.fill("");
    await sheet.getByRole("button", { name: "Save" }).click();
    await sheet.getByText("Saved.").waitFor();
  });

  await t.test("a passphrase is set, and ended", async () => {
    await tab("Storage and backup");
    const part = sheet.getByRole("group", { name: "Passphrase" });
    await part.getByText("is not encrypted").waitFor();
    await part.locator("summary").click();
    await part.getByLabel("New passphrase", { exact: true }).fill("correct horse");
    await part.getByLabel("New passphrase again").fill("correct house");
    await part.getByRole("button", { name: "Encrypt" }).click();
    await part.getByText("The two passphrases differ.").waitFor();
    await part.getByLabel("New passphrase again").fill("correct horse");
    await part.getByRole("button", { name: "Encrypt" }).click();
    await part.getByText("is encrypted by a passphrase").or(part.getByText("is encrypted with a passphrase")).waitFor();
    await part.getByLabel("Present passphrase").fill("correct horse");
    await part.getByRole("button", { name: "Change" }).click();
    await part.getByText("is not encrypted").waitFor();
  });

  await t.test("a backup is written", async () => {
    const part = sheet.getByRole("group", { name: "Backup" });
    const path = part.getByLabel("The new file, as an absolute path");
    assert.match(await path.inputValue(), /kith-\d{4}-\d\d-\d\d\.age$/);
    await path.fill(file);
    await part.getByLabel("Passphrase of the backup", { exact: true }).fill("battery staple");
    await part.getByLabel("Passphrase of the backup again").fill("battery staple");
    await part.getByRole("button", { name: "Back up" }).click();
    await part.getByText("The backup is written:").waitFor();
    assert.ok(statSync(file).size > 1000);
    await shut(anna);
  });

  await t.test("and restored, instead of a name", async () => {
    world.expected.push(gone, /status of 4\d\d/);
    await anna.context().close();
    await annaNode.cli("down");
    const fresh = await world.node();
    const page = await world.page(fresh);
    await page.getByRole("button", { name: "I have a backup" }).click();
    await accessible(page, "restoring");
    await page.locator("input[type=file]").setInputFiles(file);
    await page.getByLabel("Passphrase of the backup").fill("wrong horse");
    await page.getByRole("button", { name: "Restore" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Passphrase of the backup").fill("battery staple");
    await page.getByRole("button", { name: "Restore" }).click();
    await open(page, /Bob/);
    await bubble(page, "before the backup").waitFor();
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("tab", { name: "Devices and keys" }).click();
    await settles("the former device", () => page.locator(".key").filter({ hasText: "Refused" }).count(), 1);
    await page.getByRole("tab", { name: "This browser" }).click();
    await page.getByRole("button", { name: "Log out this browser" }).click();
    await page.getByRole("heading", { name: "This browser is not logged in" }).waitFor();
  });

  assert.deepEqual(world.problems, []);
});

test("the page and its browser", { skip: missing, timeout: 900_000 }, async (t) => {
  const world = await World.open(t);
  const node = await world.node();
  await node.cli("me", "--name", "Anna");
  const page = await world.page(node, { permissions: ["camera"] });

  await t.test("it can be installed", async () => {
    const devtools = await page.context().newCDPSession(page);
    const { errors, url } = await devtools.send("Page.getAppManifest");
    assert.deepEqual([errors, new URL(url).pathname], [[], "/manifest.webmanifest"]);
    const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
    // Playwright's windows are incognito, in which nothing is installed.
    assert.deepEqual(installabilityErrors.map((e) => e.errorId).filter((id) => id !== "in-incognito"), []);
    const icons = await page.evaluate(async () => {
      const { icons } = await (await fetch("/manifest.webmanifest")).json();
      return Promise.all(icons.map(async ({ src, sizes }) => {
        const image = new Image();
        image.src = src;
        await image.decode();
        return [sizes, src.endsWith(".svg") ? "any" : `${image.naturalWidth}x${image.naturalHeight}`];
      }));
    });
    assert.deepEqual(icons.map(([said]) => said), ["any", "192x192", "512x512", "512x512"]);
    for (const [said, is] of icons) assert.equal(is, said);
  });

  await t.test("where there is no camera, that is said", async () => {
    await page.locator("aside").getByRole("button", { name: "I have an invitation" }).first().click();
    await page.getByRole("button", { name: "Use the camera" }).click();
    await page.getByRole("alert").filter({ hasText: "There is no camera here" }).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
    await page.getByRole("button", { name: "Choose a picture…" }).waitFor();
  });

  assert.deepEqual(world.problems, []);
});
