// The connection, honestly: the icon, the sheet behind it, blocks, help.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "./axe.js";
import { field, open, settles, shut } from "./page.js";
import { World, missing } from "./world.js";

const icon = (page) => page.locator("aside header .status svg");
const light = (page) => page.locator("header .status svg").last().getAttribute("class");

test("the connection, honestly", { skip: missing, timeout: 900_000 }, async (t) => {
  const world = await World.open(t);
  const [annaNode, bobNode] = await world.pair();
  const anna = await world.page(annaNode);
  const sheet = anna.getByRole("dialog", { name: "Connection" });
  await anna.getByText("Bob").first().waitFor();

  await t.test("a request and a warning make the icon blink, until they are answered", async () => {
    assert.equal(await icon(anna).evaluate((svg) => getComputedStyle(svg).animationDuration), "0s");
    const other = await world.node();
    await other.cli("me", "--name", "Bob"); // a name that is known, with another key
    const { line } = await annaNode.cli("invite", "--reusable");
    await other.cli("join", line);
    await settles("it blinks", () => icon(anna).evaluate((svg) => getComputedStyle(svg).animationDuration), "1.2s");
    await anna.emulateMedia({ reducedMotion: "reduce" });
    assert.equal(await icon(anna).evaluate((svg) => getComputedStyle(svg).animationName), "none");
    assert.equal(await icon(anna).locator(".mark").isVisible(), true);
    await anna.emulateMedia({ reducedMotion: "no-preference" });
    await icon(anna).click();
    await sheet.getByText("You already know somebody called Bob").waitFor();
    await accessible(anna, "a request in the sheet");
    await sheet.getByRole("button", { name: "Refuse Bob" }).click();
    await sheet.getByText("You already know").waitFor({ state: "detached" });
    await shut(anna);
    await settles("it is calm", () => icon(anna).evaluate((svg) => getComputedStyle(svg).animationDuration), "0s");
  });

  await t.test("each way has its state and reason, for oneself and for each contact", async () => {
    await icon(anna).click();
    const ways = (name) => sheet.getByRole("group", { name: "Ways to find each other" }).getByRole("listitem").filter({ hasText: name });
    for (const name of ["Local network", "Known addresses", "Pasted lines"]) await ways(name).getByText(/working/).waitFor();
    assert.equal(await sheet.getByText("kith connect").count(), 0, "the terminal is not for everybody");
    await sheet.getByRole("group", { name: "Your contacts" }).getByRole("button", { name: "Bob" }).click();
    await sheet.getByRole("status").filter({ hasText: "Connected" }).waitFor();
    await sheet.getByRole("group", { name: "Links" }).getByText("direct").waitFor();
    await bobNode.cli("visible", "off");
    await sheet.getByText(/Next try in \d+ s\./).waitFor();
    await sheet.getByText(/[1-9]\d* (try|tries) so far/).waitFor();
    const seconds = async () => Number(/in (\d+) s/.exec(await sheet.textContent())?.[1] ?? -1);
    const before = await seconds();
    await settles("the seconds run", seconds, (now) => now !== before && now >= 0);
    await bobNode.cli("visible", "on");
    await sheet.getByRole("button", { name: "Try again" }).click();
    await sheet.getByRole("status").filter({ hasText: /^Connected$/ }).waitFor();
    await shut(anna);
  });

  await t.test("what stands in the way is found out, in words", async () => {
    await icon(anna).click();
    const part = sheet.getByRole("group", { name: "What stands in the way" });
    await part.getByRole("button", { name: "Examine" }).click();
    await part.getByText(/^Fair: You use no hub:/).waitFor();
    await part.getByRole("button", { name: "Examine again" }).waitFor();
    assert.doesNotMatch(await part.innerText(), /kith hubs add|kith config/, "the terminal is not for everybody");
    await accessible(anna, "what stands in the way");
    await shut(anna);
  });

  await t.test("hidden is said, and what it means", async () => {
    await icon(anna).click();
    await sheet.getByRole("switch", { name: "Visible" }).click();
    await sheet.getByRole("status").filter({ hasText: "Hidden" }).waitFor();
    await sheet.getByText("You are hidden.").first().waitFor();
    await settles("red", () => icon(anna).getAttribute("class"), (c) => c.includes("disconnected"));
    await sheet.getByRole("switch", { name: "Visible" }).click();
    await sheet.getByRole("status").filter({ hasText: "Hidden" }).waitFor({ state: "detached" });
    await shut(anna);
  });

  await t.test("help is there by keyboard, and goes", async () => {
    await icon(anna).click();
    const help = sheet.getByRole("button", { name: "Help: Ways to find each other" });
    await help.focus();
    await anna.keyboard.press("Enter");
    const text = anna.getByRole("dialog", { name: "Ways to find each other" });
    await text.getByText("the first that works wins").waitFor();
    await settles("expanded", () => help.getAttribute("aria-expanded"), "true");
    await settles("focus in the help", () => text.evaluate((e) => e === document.activeElement), true);
    await accessible(anna, "help");
    await anna.keyboard.press("Escape");
    await text.waitFor({ state: "hidden" });
    assert.equal(await sheet.isVisible(), true, "the sheet stays");
    await settles("focus is back", () => help.evaluate((b) => b === document.activeElement), true);
    await help.click();
    await text.waitFor();
    await help.click(); // again: it goes
    await text.waitFor({ state: "hidden" });
    await help.click();
    await sheet.getByRole("heading", { name: "Connection" }).click(); // elsewhere: it goes
    await text.waitFor({ state: "hidden" });
    await shut(anna);
  });

  await t.test("a block runs out before one's eyes", async () => {
    await anna.clock.install();
    await anna.reload();
    await open(anna, /Bob/);
    await anna.locator("header .who").last().click();
    const contact = anna.getByRole("dialog");
    await contact.getByRole("combobox", { name: "Block" }).selectOption({ label: "For 30 minutes" });
    await contact.getByRole("button", { name: "Block", exact: true }).click();
    await contact.getByText("Blocked for another 30 min.").waitFor();
    await settles("orange", () => light(anna), (c) => c.includes("blocked"));
    await anna.clock.fastForward("10:00");
    await contact.getByText("Blocked for another 20 min.").waitFor();
    await shut(anna);
    await anna.locator("header .status").last().click();
    await sheet.getByRole("status").filter({ hasText: /^Blocked until .* \(another 20 min\)$/ }).waitFor();
    await anna.clock.fastForward("19:30");
    await sheet.getByRole("status").filter({ hasText: "(another 1 min)" }).waitFor();
    assert.equal(await field(anna).count(), 0);
    // The node's own clock did not move: its end is told by another hand.
    await annaNode.cli("unblock", "Bob");
    await sheet.getByRole("status").filter({ hasText: /^Connected$/ }).waitFor();
    await settles("green", () => light(anna), (c) => c.includes("connected") && !c.includes("dis"));
    await shut(anna);
    await field(anna).waitFor();
  });

  await t.test("a file that is dropped anywhere does not take the page's place", async () => {
    const taken = await anna.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File(["x"], "x.html", { type: "text/html" }));
      return ["dragover", "drop"].map((type) => !document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true })));
    });
    assert.deepEqual(taken, [true, true]);
  });

  assert.deepEqual(world.problems, []);
});
