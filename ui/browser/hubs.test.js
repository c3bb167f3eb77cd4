// Hubs, with a real one: people meet there, and its moderator is heard.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { accessible } from "./axe.js";
import { Hub } from "./hub.js";
import { open, say, settles, shut } from "./page.js";
import { World, missing } from "./world.js";

// withoutAddresses leaves of an invitation (see docs/protocol.md) only the hub
// by which its giver can be met.
function withoutAddresses(line) {
  const all = Buffer.from(line.slice("kith:".length), "base64url");
  const fields = 1 + 32 + 16 + 4;
  const kept = [all.subarray(0, fields)];
  for (let at = fields; at < all.length - 4; at += 2 + all[at + 1]) if (all[at] !== 2) kept.push(all.subarray(at, at + 2 + all[at + 1]));
  const payload = Buffer.concat(kept);
  const sum = createHash("sha256").update("kith:").update(payload).digest().subarray(0, 4);
  return `kith:${Buffer.concat([payload, sum]).toString("base64url")}`;
}

test("hubs", { skip: missing, timeout: 900_000 }, async (t) => {
  const world = await World.open(t);
  const hub = new Hub();
  world.nodes.push(hub); // ends with them
  await hub.start();
  const [annaNode, bobNode] = await Promise.all([world.node(), world.node()]);
  await Promise.all([annaNode.cli("me", "--name", "Anna"), bobNode.cli("me", "--name", "Bob")]);
  const anna = await world.page(annaNode);
  const sheet = anna.getByRole("dialog", { name: "Settings" });
  const part = sheet.getByRole("group", { name: "Hubs" });
  const item = part.locator("ul > li").filter({ hasText: hub.host });
  const light = () => anna.locator("aside header .status svg").getAttribute("class");
  const network = async () => {
    await anna.getByRole("button", { name: "Settings" }).click();
    await sheet.getByRole("tab", { name: "Network" }).click();
    await part.getByLabel("Address of a hub").waitFor();
  };

  await t.test("one is added by its address", async () => {
    await network();
    await part.getByText("You use no hub").waitFor();
    await accessible(anna, "no hub");
    world.expected.push(/status of 422/);
    await part.getByLabel("Address of a hub").fill("hub.example.org/x?y");
    await part.getByRole("button", { name: "Add" }).click();
    await part.getByRole("alert").waitFor();
    world.expected.pop();
    await part.getByLabel("Address of a hub").fill(hub.url);
    await part.getByRole("button", { name: "Add" }).click();
    await item.getByText("Connected", { exact: true }).waitFor();
    await item.getByText("keeps sealed messages for who is away").waitFor();
    const [device] = await hub.moderate("devices");
    assert.ok(device.name.startsWith(await item.locator(".mono").textContent()), "the hub knows it by that name");
    for (const colorScheme of ["light", "dark"]) {
      await anna.emulateMedia({ colorScheme });
      await accessible(anna, `a hub, ${colorScheme}`);
    }
    await shut(anna);
  });

  await t.test("two meet who know nothing but the hub", async () => {
    const { line } = await annaNode.cli("invite");
    const bare = withoutAddresses(line);
    assert.ok(bare.length < line.length, "there were addresses");
    await bobNode.cli("join", bare);
    await open(anna, /Bob/);
    await say(anna, "We met at the hub.");
    await settles("green", light, (c) => c.includes("connected") && !c.includes("dis"));
    const [bobs] = await bobNode.cli("hubs");
    assert.deepEqual([bobs.url, bobs.own, bobs.phase], [hub.url, false, "connected"]);
    await anna.locator("aside header .status").click();
    await anna.getByRole("dialog").getByText("Hub", { exact: true }).first().waitFor();
    await shut(anna);
  });

  await t.test("its moderator is heard at once, and can be read again", async () => {
    await hub.moderate("notice", `Closed on <b>Sunday</b>. ${"It gets a new disk. ".repeat(60)}`);
    const news = anna.getByRole("region", { name: `The hub ${hub.host} says:` });
    await news.getByText("Closed on <b>Sunday</b>.").waitFor();
    await accessible(anna, "a notice");
    await news.getByRole("button", { name: "Dismiss" }).click();
    await news.waitFor({ state: "detached" });
    await anna.reload();
    await network();
    await item.getByText("1 notice of its moderator").click();
    await item.getByText("Closed on <b>Sunday</b>.").waitFor();
    assert.equal(await news.count(), 0, "it was seen");
    await accessible(anna, "notices");
  });

  await t.test("a block shows, and how long it lasts", async () => {
    await bobNode.cli("down");
    const name = await item.locator(".mono").textContent();
    await hub.moderate("block", name, "--for", "30m");
    await item.getByText(/^Blocked, (30|29) min left$/).waitFor();
    await accessible(anna, "a block");
    await shut(anna);
    await settles("orange", light, (c) => c.includes("blocked"));
    await settles("why", () => anna.locator("aside header .status").textContent(), (words) => words.includes(`Blocked by the hub ${hub.host}`));
    await hub.moderate("unblock", name);
    await anna.locator("aside header .status").click();
    await anna.getByRole("dialog").getByRole("button", { name: "Try again" }).click();
    await shut(anna);
    await network();
    await item.getByText("Connected", { exact: true }).waitFor();
  });

  await t.test("on a phone nothing is cut off", async () => {
    await anna.setViewportSize({ width: 360, height: 700 });
    const wide = await sheet.locator(".page").evaluate((e) => [...e.querySelectorAll("*")].filter((c) => c.checkVisibility() && c.getBoundingClientRect().right > innerWidth).length);
    assert.equal(wide, 0);
    await accessible(anna, "hubs on a phone");
  });

  await t.test("and it can be left", async () => {
    await item.getByRole("button", { name: `Remove ${hub.host}` }).click();
    await item.getByRole("button", { name: "Really remove" }).click();
    await part.getByText("You use no hub").waitFor();
    await settles("gone", async () => (await hub.moderate("devices")).filter((d) => d.connected).length, (n) => n < 2);
  });

  assert.deepEqual(world.problems, []);
});
