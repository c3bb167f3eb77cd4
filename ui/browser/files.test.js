// Files between three people, each with a node and a page: sent, fetched,
// looked at, and hostile ones.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { accessible } from "./axe.js";
import { call, film, hand, pdf, picture } from "./files.js";
import { act, bubble, bubbles, field, open, settles, shut } from "./page.js";
import { World, missing } from "./world.js";

const sheet = (page) => page.getByRole("dialog");
const gallery = (page) => page.getByRole("dialog", { name: "Photos and films" });
const shelf = (page) => page.getByRole("region", { name: /^Files of/ });
const send = (page) => sheet(page).getByRole("button", { name: "Send", exact: true }).click();
const gone = (page) => page.locator("dialog").waitFor({ state: "detached" });
const inBoth = async (page, view) => {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    await accessible(page, `${view}, ${colorScheme}`);
  }
};

test("files", { skip: missing, timeout: 900_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "kith-files-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const world = await World.open(t);
  const [annaNode, bobNode] = await world.pair();
  const carlNode = await world.node();
  await carlNode.cli("me", "--name", "Carl");
  const [anna, bob, carl] = await Promise.all([world.page(annaNode), world.page(bobNode), world.page(carlNode)]);
  const { id } = await call(anna, "POST", "/spheres", { name: "Holidays" });
  await call(anna, "POST", `/spheres/${id}/invite`, { contacts: ["Bob"] });
  await bob.getByRole("group", { name: "Holidays" }).getByRole("button", { name: "Join Holidays" }).click();
  const { line } = await call(anna, "POST", `/spheres/${id}/lines`, {});
  await carlNode.cli("join", line);
  for (const page of [anna, bob, carl]) {
    await open(page, /Holidays/);
    await page.locator("main header").getByText(/3 members/).waitFor();
  }
  const lake = await picture(anna, "Lake");
  const filesOf = async (page) => (await call(page, "GET", `/files?conversation=${id}&limit=100`)) ?? [];
  const stateOf = async (page, name) => (await filesOf(page)).find((m) => m.file?.name === name)?.file.transfer.state;

  await t.test("dropped, looked at before they go, and sent", async () => {
    await field(anna).fill("From the lake");
    await hand(anna, "drop", [
      { name: "lake.jpg", type: "image/jpeg", bytes: lake },
      { name: "secret.txt", type: "text/plain", bytes: Buffer.from("not for you") },
      { name: "film.webm", type: "video/webm", bytes: film() },
      { name: "notes.txt", type: "text/plain", bytes: Buffer.from("Bread\n<b>Milk</b>\n") },
      { name: "ticket.pdf", type: "application/pdf", bytes: pdf("Ferry at noon") },
    ]);
    await sheet(anna).getByText("5 files").waitFor();
    await sheet(anna).locator("li img").first().waitFor();
    assert.equal(await sheet(anna).getByRole("switch", { name: "Leave out where photos were taken" }).isChecked(), true);
    await sheet(anna).getByRole("button", { name: "Leave out secret.txt" }).click();
    await sheet(anna).getByText("4 files").waitFor();
    assert.equal(await sheet(anna).getByLabel("Caption").inputValue(), "From the lake");
    await inBoth(anna, "before sending");
    await send(anna);
    await gone(anna);
    assert.equal(await field(anna).inputValue(), "");
    for (const page of [bob, carl]) {
      await bubble(page, "From the lake").waitFor();
      await settles("four of them", () => filesOf(page).then((l) => l.length), 4);
      await bubble(page, "notes.txt").waitFor();
      await bubble(page, "ticket.pdf").waitFor();
    }
    await page_has(bob, "img");
    await settles("complete", () => stateOf(bob, "lake.jpg"), "complete");
    assert.equal((await filesOf(bob)).some((m) => m.file.name === "secret.txt"), false);
    await inBoth(bob, "files in a conversation");
    assert.match(await bob.getByRole("navigation").locator("li", { hasText: "Holidays" }).textContent(), /Photo|Film|File|From the lake/);
  });
  async function page_has(page, what) {
    await settles("drawn", () => page.locator(`main .visual ${what}`).evaluateAll((all) => all.length > 1 && all.every((i) => i.complete && i.naturalWidth > 0)), true);
  }

  await t.test("pasted pictures, and text stays text", async () => {
    await hand(bob, "paste", [{ name: "image.png", type: "image/jpeg", bytes: lake }], "main textarea");
    await sheet(bob).getByText("1 file ").or(sheet(bob).getByText(/^1 file/)).first().waitFor();
    await shut(bob);
    assert.equal(await field(bob).inputValue(), "");
  });

  await t.test("the gallery, by keyboard", async () => {
    await bubbles(bob).getByRole("button", { name: "Photo: lake.jpg" }).click();
    await gallery(bob).getByText(/^\d of 2$/).waitFor();
    await settles("the whole picture", () => gallery(bob).locator("img.whole").evaluate((i) => i.naturalWidth), 1200);
    await inBoth(bob, "gallery");
    const zoomed = () => gallery(bob).locator("img.whole").evaluate((i) => new DOMMatrix(getComputedStyle(i).transform).a);
    await bob.keyboard.press("+");
    await settles("larger", zoomed, (n) => n > 1.2);
    await bob.keyboard.press("0");
    await settles("whole again", zoomed, 1);
    await gallery(bob).locator("img.whole").dblclick();
    await settles("larger by mouse", zoomed, (n) => n > 2);
    const download = bob.waitForEvent("download");
    await gallery(bob).getByRole("link", { name: "Save a copy" }).click();
    assert.equal((await download).suggestedFilename(), "lake.jpg");
    const [now] = /^\d/.exec(await gallery(bob).getByText(/^\d of 2$/).textContent());
    await bob.keyboard.press(now === "1" ? "ArrowRight" : "ArrowLeft");
    await gallery(bob).locator("video").waitFor();
  });

  await t.test("a film plays, and one goes to another place of it", async () => {
    const video = gallery(bob).locator("video");
    await settles("its length", () => video.evaluate((v) => Math.round(v.duration)), 20);
    await video.evaluate((v) => ((v.muted = true), v.play()));
    await settles("it plays", () => video.evaluate((v) => v.currentTime), (at) => at > 0.1);
    await video.evaluate((v) => (v.currentTime = 15));
    await settles("from there on", () => video.evaluate((v) => !v.seeking && v.currentTime), (at) => at >= 15);
    assert.equal(await video.evaluate((v) => v.error), null);
    await bob.keyboard.press("Escape");
    await gone(bob);
  });

  await t.test("a text and a document are read in place", async () => {
    await bubble(carl, "notes.txt").getByRole("button", { name: /notes\.txt/ }).click();
    await settles("the text", () => sheet(carl).locator("pre").textContent(), "Bread\n<b>Milk</b>\n");
    await inBoth(carl, "a text");
    await shut(carl);
    await bubble(carl, "ticket.pdf").getByRole("button", { name: /ticket\.pdf/ }).click();
    await sheet(carl).getByRole("link", { name: "Open in a new tab" }).waitFor();
    await settles("a viewer, or the word that there is none", () => sheet(carl).locator("iframe").or(sheet(carl).getByText("The browser can’t show this.")).count(), 1);
    const type = await carl.evaluate(async () => {
      const link = document.querySelector("dialog a[target]");
      const answer = await fetch(link.href);
      return [answer.headers.get("Content-Type"), answer.headers.get("X-Content-Type-Options")].join();
    });
    assert.equal(type, "application/pdf,nosniff");
    await shut(carl);
  });

  await t.test("a folder arrives as one, and one chooses what of it comes", async () => {
    await call(bob, "PATCH", `/conversations/${id}/folder`, { fetch: "click" });
    const trip = join(folder, "Trip");
    mkdirSync(join(trip, "Day 1"), { recursive: true });
    writeFileSync(join(trip, "Day 1", "map.txt"), "here and there");
    writeFileSync(join(trip, "Day 1", "large.bin"), randomBytes(9_000_000));
    writeFileSync(join(trip, "plan.txt"), "sleep");
    await anna.getByRole("button", { name: "Attach files" }).click();
    await accessible(anna, "menu of the clip");
    const chooser = anna.waitForEvent("filechooser");
    await anna.getByRole("menuitem", { name: "Folder…" }).click();
    await (await chooser).setFiles(trip);
    await sheet(anna).getByText("3 files").first().waitFor();
    await send(anna);
    const card = bubble(bob, "Trip");
    await card.getByText("3 files").waitFor();
    await card.getByRole("button", { name: /^Trip/ }).click();
    await card.getByRole("checkbox", { name: "Choose Day 1/map.txt" }).or(card.getByRole("checkbox", { name: /map\.txt/ })).check();
    await accessible(bob, "what is in a folder");
    await card.getByRole("button", { name: "Fetch 1 file" }).click();
    await settles("what was chosen is here, and no more", async () => {
      const m = (await filesOf(bob)).find((m) => m.file?.name === "Trip");
      return (await call(bob, "GET", `/files/${m.id}/entries`)).filter((e) => e.complete).map((e) => e.path.split("/").at(-1)).join();
    }, "map.txt");
    await card.getByRole("button", { name: "Fetch all of it" }).click();
    await settles("all of it", () => stateOf(bob, "Trip"), "complete");
    assert.match(await bob.getByRole("navigation").locator("li", { hasText: "Holidays" }).textContent(), /Folder Trip/);
  });

  await t.test("a large one shows how it comes, is paused, and goes on", async () => {
    await call(bob, "PUT", "/transfers/settings", { ...(await call(bob, "GET", "/transfers")).settings, down: 1_000_000 });
    const large = join(folder, "large.iso");
    writeFileSync(large, randomBytes(24_000_000));
    const chooser = anna.waitForEvent("filechooser");
    await anna.getByRole("button", { name: "Attach files" }).click();
    await anna.getByRole("menuitem", { name: "Files…" }).click();
    await (await chooser).setFiles(large);
    await send(anna);
    const card = bubble(bob, "large.iso");
    await card.getByRole("button", { name: "Fetch: large.iso" }).click();
    await card.getByRole("progressbar", { name: "How much of large.iso is here" }).waitFor();
    await settles("some of it", () => card.getByRole("progressbar").getAttribute("aria-valuenow").then(Number), (n) => n > 0);
    await bob.getByRole("button", { name: "Transfers: 1 is on its way" }).click();
    await sheet(bob).getByRole("button", { name: "Pause: large.iso" }).waitFor();
    await inBoth(bob, "transfers");
    await sheet(bob).getByRole("button", { name: "Pause all" }).click();
    await settles("paused", () => stateOf(bob, "large.iso"), "paused");
    await sheet(bob).getByRole("spinbutton", { name: "Down" }).fill("0");
    await sheet(bob).getByRole("button", { name: "Save" }).click();
    await sheet(bob).getByText("Saved.").waitFor();
    await sheet(bob).getByRole("button", { name: "Resume all" }).click();
    await settles("here", () => stateOf(bob, "large.iso"), "complete");
    await shut(bob);
    await bob.getByRole("button", { name: /^Transfers:/ }).waitFor({ state: "detached" });
    await act(bob, "large.iso", "Remove from this device");
    await bob.getByRole("menuitem", { name: "Really remove it here" }).click();
    await card.getByRole("button", { name: "Fetch: large.iso" }).waitFor();
  });

  await t.test("what fails says so, is tried again, and can be given up", async () => {
    world.expected.push(/ERR_FAILED/);
    await carl.route(/\/uploads\//, (route) => route.abort());
    await field(carl).fill("mine");
    await hand(carl, "drop", [{ name: "mine.txt", type: "text/plain", bytes: Buffer.from("mine") }]);
    await send(carl);
    await carl.getByText("mine.txt was not sent.").waitFor();
    await carl.getByRole("alert").filter({ hasText: "Kith did not take it." }).waitFor();
    await accessible(carl, "a failed upload");
    await carl.unroute(/\/uploads\//);
    await carl.getByRole("button", { name: "Try again" }).click();
    await bubble(anna, "mine.txt").waitFor();
    await carl.getByText("mine.txt was not sent.").waitFor({ state: "detached" });
    await carl.route(/\/uploads\//, (route) => route.request().method() === "PUT" ? undefined : route.continue()); // never answers
    await hand(carl, "drop", [{ name: "never.txt", type: "text/plain", bytes: Buffer.from("never") }]);
    await sheet(carl).getByLabel("Caption").fill("with this");
    await send(carl);
    await carl.getByRole("button", { name: "Don’t send never.txt" }).click();
    await settles("what was written is back", () => field(carl).inputValue(), "with this");
    await carl.unroute(/\/uploads\//);
    await field(carl).fill("");
    assert.equal((await filesOf(carl)).some((m) => m.file?.name === "never.txt"), false);
  });

  await t.test("hostile names and types do nothing", async () => {
    const names = ["\u202Egnp.exe", "<img src=x onerror=alert(1)>.html", `${"a".repeat(240)}.pdf`, "page.svg", "zero\u200bwidth.txt"];
    const evil = `<svg xmlns="http://www.w3.org/2000/svg"><script>parent.document.title="owned";document.title="owned"</script></svg><script>parent.document.title="owned"</script>`;
    for (const name of names) writeFileSync(join(folder, name.replaceAll("/", "_")), evil);
    writeFileSync(join(folder, "lie.png"), evil);
    const paths = [...names, "lie.png"].map((name) => join(folder, name));
    await call(carl, "POST", `/conversations/${id}/files`, { paths });
    await bubble(bob, "lie.png").waitFor();
    for (const m of (await filesOf(bob)).filter((m) => m.from_name === "Carl")) {
      await call(bob, "POST", `/files/${m.id}/fetch`, {});
      await settles(m.file.name, () => call(bob, "GET", `/messages/${m.id}`).then((m) => m.file.transfer.state), "complete");
      const said = await bob.evaluate(async (id) => {
        const answer = await fetch(`/api/v1/files/${id}/content/0`);
        return [answer.headers.get("Content-Type"), answer.headers.get("Content-Security-Policy")];
      }, m.id);
      assert.doesNotMatch(said[0], /html|svg|xml|script/, m.file.name);
      assert.match(said[1], /default-src 'none'/);
    }
    const shown = await bubbles(bob).locator(".name").allTextContents();
    assert.equal(shown.some((name) => /[\u202a-\u202e\u200b]/.test(name)), false);
    await bubble(bob, "gnp.exe").waitFor();
    assert.equal(await bob.locator("main li script, main li iframe, main li object, main li svg script").count(), 0);
    assert.equal(await bob.locator("main li img[src*='content/'], main li img[src*='preview'], main li img").evaluateAll((all) => all.every((i) => new URL(i.src).origin === location.origin)), true);
    for (const width of [1100, 390]) {
      await bob.setViewportSize({ width, height: 760 });
      const wide = await bob.evaluate(() => [document.documentElement, ...document.querySelectorAll("main, .box, header, .bubble")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className || e.tagName));
      assert.deepEqual(wide, [], `wider than ${width}`);
    }
    await bob.setViewportSize({ width: 1100, height: 760 });
    assert.equal((await bob.title()).includes("owned"), false);
    world.expected.pop();
  });

  await t.test("everything that was shared, in one place", async () => {
    await bob.getByRole("button", { name: "Files of Holidays" }).click();
    const rows = () => shelf(bob).locator("li .what").count();
    await settles("many", rows, (n) => n > 6);
    await inBoth(bob, "shelf");
    await shelf(bob).getByRole("searchbox").fill("ticket");
    await settles("found", rows, 1);
    await shelf(bob).getByRole("searchbox").fill("");
    await shelf(bob).getByRole("button", { name: "Folders" }).click();
    await settles("folders", rows, 1);
    await shelf(bob).getByRole("button", { name: "Photos" }).click();
    await shelf(bob).getByRole("button", { name: "lake.jpg" }).waitFor();
    await inBoth(bob, "pictures");
    await shelf(bob).getByRole("button", { name: "All" }).click();
    await shelf(bob).getByLabel("Order").selectOption("size");
    await settles("the largest first", () => shelf(bob).locator("li .what").first().textContent(), (text) => text.includes("large.iso"));
    await shelf(bob).getByRole("button", { name: "Folder and what is fetched" }).click();
    await sheet(bob).getByText(bobNode.home).first().waitFor();
    await settles("as it was set", () => sheet(bob).getByRole("radio", { name: "Only what you click on" }).isChecked(), true);
    await sheet(bob).getByRole("radio", { name: "Everything" }).check();
    await settles("as it is now", () => call(bob, "GET", `/conversations/${id}/folder`).then((f) => f.fetch), "all");
    await inBoth(bob, "folder of a conversation");
    await shut(bob);
    assert.match(bob.url(), /\/files$/);
    await bob.setViewportSize({ width: 390, height: 760 });
    assert.equal(await bob.evaluate(() => document.documentElement.scrollWidth), 390);
    await bob.setViewportSize({ width: 1100, height: 760 });
    await bob.goBack();
    await shelf(bob).waitFor({ state: "detached" });
    await bob.keyboard.press("Control+f");
    await bob.getByRole("searchbox").fill("ticket");
    await bob.locator(".found").getByRole("button", { name: /ticket\.pdf/ }).waitFor();
    await bob.keyboard.press("Escape");
  });

  await t.test("details, and taken back", async () => {
    await act(bob, "ticket.pdf", "Details");
    await sheet(bob).getByText("On this device", { exact: true }).waitFor();
    await accessible(bob, "details of a file");
    await shut(bob);
    await act(anna, "ticket.pdf", "Take back");
    await anna.getByRole("menuitem", { name: "Really take it back" }).click();
    await bubble(bob, "ticket.pdf").waitFor({ state: "detached" });
  });

  await t.test("an ordinary torrent is passed on, and said to be public", async () => {
    const magnet = "magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a&dn=Free+film";
    await field(anna).fill(magnet);
    await anna.getByRole("button", { name: "Pass it on as a torrent…" }).click();
    await sheet(anna).getByText("Ordinary torrents are switched off.").waitFor();
    await inBoth(anna, "a torrent");
    await sheet(anna).getByRole("button", { name: "Pass it on", exact: true }).click();
    await gone(anna);
    await settles("the field is empty", () => field(anna).inputValue(), "");
    const card = bubble(bob, "Free film");
    await card.getByText("Others on the internet see who fetches it.").waitFor();
    await accessible(bob, "a torrent in a conversation");
  });

  await t.test("the picture of a sphere", async () => {
    await anna.locator("main header .who").click();
    await sheet(anna).locator("input[type=file]").setInputFiles({ name: "family.jpg", mimeType: "image/jpeg", buffer: Buffer.from(lake, "base64") });
    await sheet(anna).getByRole("button", { name: "No picture" }).waitFor();
    await sheet(anna).getByRole("button", { name: "Save" }).click();
    await sheet(anna).getByText("Saved.").waitFor();
    await settles("Bob sees it", () => bob.locator("main header .avatar img").evaluateAll((all) => all.map((i) => `${i.naturalWidth}x${i.naturalHeight}`).join()), "256x256");
    await shut(anna);
  });

  assert.deepEqual(world.problems, []);
});
