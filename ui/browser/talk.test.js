// Two people, from the first minute on, each with a node and a page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { act, bubble, bubbles, field, say, settles, shut } from "./page.js";
import { World, missing } from "./world.js";

test("two people meet and talk", { skip: missing, timeout: 900_000 }, async (t) => {
  const world = await World.open(t);
  const nodes = await Promise.all([world.node(), world.node()]);
  const [anna, bob] = await Promise.all(nodes.map((node) => world.page(node)));

  await t.test("the first minute", async () => {
    for (const [page, name] of [[anna, "Anna"], [bob, "Bob"]]) {
      await page.getByLabel("What should people call you?").fill(name);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: `Hello, ${name}` }).first().waitFor();
    }
    await anna.getByRole("main").getByRole("button", { name: "Invite someone" }).click();
    const line = anna.getByRole("textbox", { name: "The invitation" });
    await line.waitFor();
    await anna.getByRole("img", { name: "The invitation as a QR code" }).waitFor();
    await anna.getByRole("button", { name: "Copy" }).click();
    await settles("copied", () => anna.evaluate(() => navigator.clipboard.readText()), await line.inputValue());
    await bob.getByRole("main").getByRole("button", { name: "I have an invitation" }).click();
    // A mail program may have broken the line.
    await bob.getByLabel("Paste the invitation").fill((await line.inputValue()).replace(/(.{40})/g, "$1\n"));
    await bob.getByRole("button", { name: "Connect", exact: true }).click();
    await field(bob).waitFor();
    await say(bob, "Hello Anna");
    await anna.getByText("Bob is your contact now.").waitFor();
    await anna.getByRole("dialog").getByRole("button", { name: "Write" }).click();
    await bubble(anna, "Hello Anna").waitFor();
    await field(anna).fill("Hi **Bob**, see https://example.org/x.");
    await field(anna).press("Enter");
    assert.equal(await bubble(bob, "Hi").locator("strong").textContent(), "Bob");
    assert.equal(await bubble(bob, "Hi").getByRole("link").getAttribute("rel"), "noopener noreferrer");
  });

  await t.test("marks of reading and writing", async () => {
    await bob.bringToFront();
    await settles("read", () => bubble(anna, "Hi Bob").locator(".state").getAttribute("title"), "Read");
    // The mark goes after some seconds, so one goes on.
    await settles("the mark", async () => (await field(bob).press("t"), anna.getByText("is writing…").count()), (n) => n > 0);
    await field(bob).fill("");
  });

  await t.test("reply, react, edit, delete", async () => {
    await act(bob, "Hi Bob", "Reply");
    await say(bob, "Thanks!");
    await bubble(anna, "Thanks!").locator(".quote", { hasText: "Hi Bob" }).click();
    await settles("jump", () => anna.evaluate(() => document.activeElement.textContent.includes("Hi Bob")), true);

    await act(anna, "Thanks!", "React with 👍");
    const reaction = bubble(bob, "Thanks!").getByRole("button", { name: /👍/ });
    await reaction.waitFor();
    await bubble(anna, "Thanks!").getByRole("button", { name: /👍/, pressed: true }).click();
    await reaction.waitFor({ state: "detached" });

    await field(bob).press("ArrowUp");
    await settles("what is edited", () => field(bob).inputValue(), "Thanks!");
    await field(bob).fill("Thank you!");
    await field(bob).press("Enter");
    await bubble(anna, "Thank you!").getByText("edited").waitFor();

    await act(bob, "Thank you!", "Delete for everybody");
    await bob.getByRole("menuitem", { name: "Really delete" }).click();
    await bubble(anna, "This message was deleted.").waitFor();
    assert.equal(await bubble(anna, "Thank you!").count(), 0);
  });

  await t.test("details", async () => {
    await act(anna, "Hi Bob", "Details");
    await anna.getByRole("dialog").getByText("Delivered", { exact: true }).waitFor();
    await shut(anna);
  });

  await t.test("a long history, search and jump", async () => {
    await bob.evaluate(async () => {
      for (let i = 0; i < 130; i++) {
        const body = JSON.stringify({ to: ["Anna"], text: `line ${i}${i === 7 ? " mushroom" : ""}` });
        await fetch("/api/v1/messages", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      }
    });
    await bubble(anna, "line 129").waitFor();
    await settles("the end in view", () => anna.locator(".box").evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 60), true);
    await anna.keyboard.press("Control+k");
    await anna.getByRole("searchbox").fill("MUSHROOM");
    await anna.locator(".found").getByRole("button", { name: /mushroom/ }).click();
    await settles("what was found in view", () => bubble(anna, "mushroom").evaluate((li) => {
      const [own, box] = [li.getBoundingClientRect(), li.closest(".box").getBoundingClientRect()];
      return own.top >= box.top && own.bottom <= box.bottom;
    }), true);
    await anna.getByRole("button", { name: "End the search" }).click();

    // A new view: rows come as one scrolls up, and what one reads stays put.
    await anna.reload();
    await bubbles(anna).first().waitFor();
    const box = anna.locator(".box");
    await settles("the end again", () => box.evaluate((b) => b.scrollHeight - b.scrollTop - b.clientHeight < 60), true);
    assert.ok((await bubbles(anna).count()) <= 100, "all rows are in the document");
    await box.evaluate((b) => b.scrollBy(0, -600));
    const [id, top] = await box.evaluate((b) => {
      const li = [...b.querySelectorAll("li")].find((li) => li.getBoundingClientRect().bottom > b.getBoundingClientRect().top);
      return [li.dataset.id, li.getBoundingClientRect().top];
    });
    await settles("rows above", () => box.evaluate((b) => b.querySelector("li").getBoundingClientRect().bottom < b.getBoundingClientRect().top), true);
    const now = await anna.locator(`li[data-id="${id}"]`).evaluate((li) => li.getBoundingClientRect().top);
    assert.ok(Math.abs(now - top) < 3, `what was read moved by ${now - top} pixels`);
    await anna.getByRole("button", { name: "To the newest messages" }).click();
    await settles("the end", () => box.evaluate((b) => b.scrollHeight - b.scrollTop - b.clientHeight < 60), true);
  });

  await t.test("a petname, safety numbers and a block", async () => {
    await anna.locator("header .who").last().click();
    const sheet = anna.getByRole("dialog");
    await sheet.getByLabel("What you call them").fill("Bobby");
    await sheet.getByRole("button", { name: "Save" }).click();
    await sheet.getByRole("heading", { name: "Bobby" }).waitFor();
    const { digits } = await nodes[1].cli("verify", "Anna");
    await settles("the digits", async () => (await sheet.locator(".digits").textContent()).replace(/\D/g, ""), digits.replace(/\D/g, ""));
    await sheet.getByRole("button", { name: "They are equal" }).click();
    await sheet.getByText(/^Compared/).waitFor();
    await sheet.getByRole("combobox", { name: "Block" }).selectOption({ label: "For 1 hour" });
    await sheet.getByRole("button", { name: "Block", exact: true }).click();
    await sheet.getByText("Blocked for another 1 h.").waitFor();
    await shut(anna);
    await anna.getByText(/Blocked for another .* Unblock to write/).waitFor();
    assert.equal(await field(anna).count(), 0);
    await anna.getByRole("button", { name: "Unblock" }).click();
    await field(anna).waitFor();
  });

  await t.test("a message to one of those whom one chooses", async () => {
    await anna.getByRole("button", { name: "Write to one or several" }).click();
    const sheet = anna.getByRole("dialog");
    await sheet.getByLabel("Search people").fill("bob");
    await sheet.getByRole("checkbox", { name: "Bobby" }).check();
    await sheet.getByLabel("Your message").fill("chosen");
    await sheet.getByRole("button", { name: "Send" }).click();
    await bubble(bob, "chosen").waitFor();
    await anna.locator("dialog").waitFor({ state: "detached" });
  });

  await t.test("the connection, honestly", async () => {
    await anna.locator("header .status").last().click();
    const sheet = anna.getByRole("dialog");
    await sheet.getByText("Known addresses").first().waitFor();
    await sheet.getByRole("button", { name: "Try again" }).click();
    await sheet.getByRole("status").filter({ hasText: /^Connected$/ }).waitFor();
    await sheet.getByRole("button", { name: /pasted lines/ }).click();
    await anna.getByRole("button", { name: "Make my line" }).click();
    const offer = await anna.getByRole("textbox", { name: "1. Your line" }).inputValue();
    assert.match(offer, /^kith-offer:/);
    const { line } = await nodes[1].cli("connect", offer);
    await anna.getByRole("textbox", { name: "2. Their line" }).fill(line);
    await anna.getByRole("button", { name: "Use it" }).click();
    await anna.getByText("You are connected.").waitFor();
    await shut(anna);
    await anna.locator("aside header .status").click();
    await anna.getByRole("switch", { name: "Visible" }).click();
    await anna.getByRole("dialog").getByRole("status").filter({ hasText: "Hidden" }).waitFor();
    await anna.getByRole("switch", { name: "Visible" }).click();
    await shut(anna);
  });

  assert.deepEqual(world.problems, []);
});
