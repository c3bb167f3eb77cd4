// What one does with conversations and messages beyond talking: pin, archive,
// leave half written, mention, select. With three people, one page each.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "./axe.js";
import { act, bubble, conversation, field, open, say, settles } from "./page.js";
import { World, gone, missing } from "./world.js";

const list = (page) => page.getByRole("navigation");
const row = (page, name) => list(page).locator("li").filter({ hasText: name });
const rows = (page) => list(page).locator("li .name").allTextContents();
// inBoth looks at a view, light and dark.
async function inBoth(page, view) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    await accessible(page, `${view}, ${colorScheme}`);
  }
}
const focused = (page) => page.evaluate(() => document.activeElement.textContent.trim());

test("conversations", { skip: missing, timeout: 900_000 }, async (t) => {
  const world = await World.open(t);
  const [[annaNode, bobNode], carlNode] = await Promise.all([world.pair(), world.node()]);
  await carlNode.cli("me", "--name", "Carl");
  const { line } = await carlNode.cli("invite");
  await annaNode.cli("join", line);
  await annaNode.cli("send", "Carl", "hello Carl"); // before Bob's
  await bobNode.cli("send", "Anna", "hello Anna");
  const [anna, bob] = await Promise.all([world.page(annaNode), world.page(bobNode)]);
  const tab = await world.tab(anna, annaNode);
  await anna.bringToFront(); // a page behind another one is slow
  await settles("the latest first", () => rows(anna).then(String), "Bob,Carl");

  await t.test("pinned, by mouse and by keyboard", async () => {
    await row(anna, "Carl").hover();
    await row(anna, "Carl").getByRole("button", { name: "What to do with this conversation" }).click();
    await anna.getByRole("menuitem", { name: "Pin" }).click();
    await settles("the pinned one first", () => rows(anna).then(String), "Carl,Bob");
    await settles("in the other tab too", () => rows(tab).then(String), "Carl,Bob");
    await row(anna, "Carl").getByText("Pinned").waitFor();
    await row(anna, "Carl").click({ button: "right" });
    await anna.getByRole("menuitem", { name: "Unpin" }).waitFor();
    await accessible(anna, "menu of a row");
    await anna.keyboard.press("Escape");
    await anna.getByRole("menu").waitFor({ state: "detached" });

    await row(anna, "Carl").locator(".entry").focus();
    await anna.keyboard.press("ArrowDown");
    await settles("the next row", () => focused(anna), (text) => /Bob/.test(text));
    await anna.keyboard.press("ArrowUp");
    await anna.keyboard.press("Shift+F10");
    await settles("the menu has the focus", () => focused(anna), (text) => /Unpin/.test(text));
    await anna.keyboard.press("Enter");
    await settles("as before", () => rows(anna).then(String), "Bob,Carl");
    await settles("the focus is where it was", () => focused(anna), (text) => /Carl/.test(text));
  });

  await t.test("archived, until something new is said", async () => {
    await open(anna, /Bob/);
    await anna.locator("main header").getByRole("button", { name: "What to do with this conversation" }).click();
    await anna.getByRole("menuitem", { name: "Archive" }).click();
    await settles("gone from the list", () => rows(anna).then(String), "Carl");
    await field(anna).waitFor(); // it stays open
    const archive = list(anna).getByRole("button", { name: /^Archived/ });
    await archive.focus();
    await anna.keyboard.press("Enter");
    await settles("the archive", () => rows(anna).then(String), "Bob");
    await accessible(anna, "archive");
    assert.equal(new URL(anna.url()).hash.startsWith("#/archived/c/"), true);
    await anna.keyboard.press("Escape");
    await settles("the list", () => rows(anna).then(String), "Carl");
    await settles("the focus is on the button", () => focused(anna), (text) => /Archived/.test(text));
    await settles("the other tab", () => rows(tab).then(String), "Carl");
    await bobNode.cli("send", "Anna", "are you there?");
    await settles("back", () => rows(anna).then(String), "Bob,Carl");
    assert.equal(await archive.count(), 0);

    await row(anna, "Carl").locator(".entry").focus();
    await anna.keyboard.press("Shift+F10");
    await anna.keyboard.press("ArrowDown");
    await anna.keyboard.press("Enter");
    await settles("archived by keyboard", () => rows(anna).then(String), "Bob");
    await archive.click();
    await row(anna, "Carl").click({ button: "right" });
    await anna.getByRole("menuitem", { name: "Take out of the archive" }).click();
    await anna.getByText("The archive is empty.").waitFor();
    await anna.goBack();
    await settles("all again", () => rows(anna).then(String), "Bob,Carl");
  });

  await t.test("drafts are everywhere, and survive all", async () => {
    await open(anna, /Carl/);
    await field(anna).fill("half a thought");
    await row(tab, "Carl").getByText("Draft: half a thought").waitFor(); // in another tab
    assert.equal(await row(anna, "Carl").getByText("Draft:").count(), 0);
    const other = await world.page(annaNode); // in another browser
    await row(other, "Carl").getByText("Draft: half a thought").waitFor();
    await open(other, /Carl/);
    await settles("it", () => field(other).inputValue(), "half a thought");
    await field(other).pressSequentially(", and more");
    await settles("what the other one typed", () => field(anna).inputValue(), "half a thought, and more");

    world.expected.push(gone);
    await annaNode.kill();
    await anna.getByText("It is tried again by itself").waitFor();
    await field(anna).fill("typed while it was away");
    await row(anna, "Bob").locator(".entry").click();
    await row(anna, "Carl").getByText("Draft: typed while it was away").waitFor();
    const kept = () => anna.evaluate(() => Object.entries(localStorage).filter(([key]) => key.startsWith("kith.draft.")).map(([, value]) => JSON.parse(value).draft.text).join());
    assert.equal(await kept(), "typed while it was away");
    await annaNode.start();
    await anna.getByText("It is tried again by itself").waitFor({ state: "detached" });
    await settles("the node has it", async () => (await conversation(anna, "Carl")).draft?.text, "typed while it was away");
    await settles("nothing is kept here", kept, "");
    await settles("the other browser too", () => field(other).inputValue(), "typed while it was away");

    await field(other).press("Enter");
    await bubble(other, "typed while it was away").waitFor();
    await settles("sent, so no draft", async () => (await conversation(anna, "Carl")).draft, undefined);
    await row(anna, "Carl").getByText("Draft:").waitFor({ state: "detached" });
    await other.context().close();

    await open(anna, /Bob/); // with what it answers
    await act(anna, "hello Anna", "Reply");
    await field(anna).fill("later");
    await anna.goto("about:blank"); // leaves at once
    await anna.goto(annaNode.origin);
    await row(anna, "Bob").getByText("Draft: later").waitFor();
    await open(anna, /Bob/);
    await anna.getByText("Reply to Bob").waitFor();
    await settles("the text", () => field(anna).inputValue(), "later");
    await field(anna).press("Enter");
    await bubble(anna, "later").locator(".quote", { hasText: "hello Anna" }).waitFor();
  });

  await t.test("mentions", async () => {
    await anna.evaluate(() => fetch("/api/v1/contacts/Bob", { method: "PATCH", headers: { "Content-Type": "application/json" }, body: '{"petname":"Bobby"}' }));
    await anna.getByRole("heading", { name: "Bobby" }).waitFor();
    const box = anna.getByRole("combobox", { name: "Write to Bobby" });
    await field(anna).pressSequentially("Is @");
    const people = anna.getByRole("listbox", { name: "People to mention" });
    await people.waitFor();
    assert.equal(await people.getByRole("option").count(), 2);
    await accessible(anna, "people to mention");
    await box.press("ArrowDown");
    assert.match(await people.getByRole("option", { selected: true }).textContent(), /Carl.*not in this conversation/s);
    assert.equal(await box.getAttribute("aria-activedescendant"), await people.getByRole("option", { selected: true }).getAttribute("id"));
    await box.press("Escape");
    await people.waitFor({ state: "detached" });
    await field(anna).pressSequentially(" and ");
    await field(anna).pressSequentially("@ca");
    await box.press("Tab");
    assert.equal(await field(anna).inputValue(), "Is @ and @Carl ");
    await field(anna).fill("");
    await field(anna).pressSequentially("Hi @bo");
    await box.press("Enter");
    await field(anna).pressSequentially("and `@Bob`, are you in?");
    assert.equal(await field(anna).inputValue(), "Hi @Bob and `@Bob`, are you in?"); // never what I call them
    await field(anna).press("Enter");
    const mine = bubble(anna, "are you in?");
    await settles("who is mentioned", () => mine.locator(".mention").allTextContents().then(String), "@Bobby");
    assert.equal(await mine.locator("code").textContent(), "@Bob");
    await mine.getByRole("button", { name: "@Bobby" }).click();
    await anna.getByRole("dialog").getByRole("heading", { name: "Bobby" }).waitFor();
    await anna.keyboard.press("Escape");
    await anna.locator("dialog").waitFor({ state: "detached" });

    await row(bob, "Anna").getByText("You are mentioned").waitFor();
    await open(bob, /Anna/);
    const theirs = bubble(bob, "are you in?");
    assert.equal(await theirs.locator(".mention.me").textContent(), "@Bob");
    await inBoth(bob, "a mention of me");
    await row(bob, "Anna").getByText("You are mentioned").waitFor({ state: "detached" });

    await act(anna, "are you in?", "Edit"); // a mention survives, another one comes
    await field(anna).press("End");
    await field(anna).pressSequentially(" @car");
    await box.press("Enter");
    await field(anna).press("Enter");
    await settles("what is mentioned now", () => bubble(bob, "are you in?").locator(".mention").allTextContents().then(String), "@Bob,@Carl");
  });

  await t.test("several messages at once", async () => {
    for (const text of ["one", "two", "three", "four"]) await say(bob, text);
    await bubble(anna, "four").waitFor();
    await say(anna, "mine to delete");
    const bar = anna.getByRole("group", { name: "Selected messages" });
    await act(anna, "two", "Select");
    await bar.getByText("1 message selected").waitFor();
    assert.equal(await field(anna).isVisible(), false);
    await bubble(anna, "four").click({ modifiers: ["Shift"] });
    await bar.getByText("3 messages selected").waitFor();
    await bubble(anna, "three").click();
    await bar.getByText("2 messages selected").waitFor();
    await inBoth(anna, "a selection");
    await bar.getByRole("button", { name: "Copy" }).click();
    await bar.waitFor({ state: "detached" });
    assert.match(await anna.evaluate(() => navigator.clipboard.readText()), /^Bobby, .*\d.*\ntwo\n\nBobby, .*\d.*\nfour$/);
    await field(anna).waitFor();

    await bubble(anna, "one").click({ modifiers: ["Control"] });
    await bubble(anna, "mine to delete").click();
    await bar.getByRole("button", { name: "Forward" }).click();
    const sheet = anna.getByRole("dialog", { name: "Forward 2 messages" });
    await sheet.waitFor();
    await accessible(anna, "forwarding");
    await sheet.getByRole("checkbox", { name: "Carl" }).check();
    await sheet.getByRole("button", { name: "Forward" }).click();
    await sheet.waitFor({ state: "detached" });
    await anna.getByRole("heading", { name: "Carl" }).waitFor();
    await bubble(anna, "mine to delete").waitFor();
    assert.deepEqual((await anna.locator("li[data-id] .text").allTextContents()).slice(-2), ["one", "mine to delete"]);

    // By keyboard: from the field to the messages.
    await open(anna, /Bobby/);
    await bubble(anna, "mine to delete").waitFor();
    await settles("focus in the field", () => field(anna).evaluate((f) => f === document.activeElement), true);
    await anna.keyboard.press("Shift+Tab");
    await anna.keyboard.press("Shift+Tab");
    await anna.keyboard.press("Space");
    await anna.keyboard.press("Shift+ArrowUp");
    await bar.getByText("2 messages selected").waitFor();
    await anna.keyboard.press("Escape");
    await bar.waitFor({ state: "detached" });
    await settles("the focus is on the message", () => focused(anna), (text) => /four/.test(text));
    await anna.keyboard.press("Space");
    await anna.keyboard.press("ArrowDown");
    await anna.keyboard.press("Space");
    await bar.getByRole("button", { name: "Delete mine (1)" }).click();
    await bar.getByRole("button", { name: "Really delete 1 message" }).click();
    await bubble(bob, "mine to delete").waitFor({ state: "detached" });
    await bar.waitFor({ state: "detached" });
    await bubble(anna, "four").waitFor();
  });

  await t.test("by finger, on a phone", async () => {
    const phone = await world.page(annaNode, { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true });
    const finger = await phone.context().newCDPSession(phone);
    const hold = async (target) => {
      await target.click({ trial: true }); // it lies still
      const { x, y, width, height } = await target.boundingBox();
      await finger.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x: x + width / 2, y: y + height / 2 }] });
      await phone.waitForTimeout(600);
      await finger.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    };
    await row(phone, "Carl").waitFor();
    await hold(row(phone, "Carl"));
    await phone.getByRole("menuitem", { name: "Archive" }).tap();
    await list(phone).getByRole("button", { name: /^Archived/ }).tap();
    await row(phone, "Carl").locator(".entry").tap();
    await bubble(phone, "hello Carl").waitFor();
    await hold(bubble(phone, "hello Carl").locator(".bubble"));
    const bar = phone.getByRole("group", { name: "Selected messages" });
    await bar.getByText("1 message selected").waitFor();
    await bubble(phone, "one").tap();
    await bar.getByText("2 messages selected").waitFor();
    assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 360);
    await bar.getByRole("button", { name: "End the selection" }).tap();
    await phone.getByRole("button", { name: "Back to the list" }).first().tap();
    await row(phone, "Carl").waitFor(); // where one came from: the archive
    await phone.context().close();
  });

  assert.deepEqual(world.problems, []);
});

// A browser opens six connections to a host.
test("eight tabs share one stream", { skip: missing, timeout: 900_000 }, async (t) => {
  const world = await World.open(t);
  const [annaNode, bobNode] = await world.pair();
  const first = await world.page(annaNode);
  await row(first, "Bob").waitFor();
  const streams = []; // besides that of the first
  first.context().on("request", (r) => r.url().includes("/events") && streams.push(r.url()));
  const tabs = [first, ...(await Promise.all(Array.from({ length: 7 }, () => world.tab(first, annaNode))))];
  const all = (what, seen) => Promise.all(tabs.map((tab, i) => seen(tab).catch((e) => assert.fail(`${what}, tab ${i}: ${e}`))));

  await bobNode.cli("send", "Anna", "to every tab");
  await all("a message", (tab) => row(tab, "Bob").getByText("to every tab").waitFor());
  assert.deepEqual(streams, []);

  await tabs.shift().close();
  await settles("another one leads", () => streams.length, 1);
  assert.match(streams[0], /\?after=\S+-\d+$/); // where the first was
  await bobNode.cli("send", "Anna", "and again");
  await all("a message", (tab) => row(tab, "Bob").getByText("and again").waitFor());

  world.expected.push(gone);
  const banner = (tab) => tab.getByText("It is tried again by itself");
  await annaNode.kill();
  await all("the banner", (tab) => banner(tab).waitFor());
  await annaNode.start();
  await all("no banner", (tab) => banner(tab).waitFor({ state: "detached" }));
  await bobNode.cli("send", "Anna", "after a restart");
  await all("a message", (tab) => row(tab, "Bob").getByText("after a restart").waitFor());
  assert.deepEqual(world.problems, []);
});
