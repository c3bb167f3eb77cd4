// A sphere of three people, each with a node and a page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "./axe.js";
import { act, bubble, field, open, say, settles, shut } from "./page.js";
import { World, missing } from "./world.js";

const list = (page) => page.getByRole("navigation");
const row = (page, name) => list(page).locator("li").filter({ hasText: name });
const note = (page, text) => page.locator("li[data-id]").filter({ hasText: text });
const sheet = (page) => page.getByRole("dialog");

async function sphere(page) {
  await page.locator("main header .who").click();
  await sheet(page).getByRole("heading", { name: "Members" }).waitFor();
}

// may opens what can be done with a member.
async function may(page, name) {
  await sphere(page);
  await sheet(page).getByRole("button", { name: `What to do with ${name}` }).click();
  return sheet(page).getByRole("group", { name, exact: true });
}

test("spheres", { skip: missing, timeout: 900_000 }, async (t) => {
  const world = await World.open(t);
  const [annaNode, bobNode] = await world.pair();
  const carlNode = await world.node();
  await carlNode.cli("me", "--name", "Carl");
  const [anna, bob, carl] = await Promise.all([world.page(annaNode), world.page(bobNode), world.page(carlNode, { locale: "fr-FR" })]);

  await t.test("one is made", async () => {
    await anna.getByRole("button", { name: "New sphere" }).click();
    await sheet(anna).getByLabel("Name").fill("Family");
    await sheet(anna).getByLabel("Description").fill("All of us");
    await accessible(anna, "new sphere");
    await sheet(anna).getByRole("button", { name: "Make it" }).click();
    await field(anna).waitFor();
    await note(anna, "You made the sphere Family").waitFor();
    await anna.locator("main header").getByText("1 member, 0 connected").waitFor();
  });

  await t.test("a contact is invited, and joins", async () => {
    await sphere(anna);
    await sheet(anna).getByRole("button", { name: "Invite", exact: true }).click();
    await sheet(anna).getByRole("checkbox", { name: "Bob" }).check();
    await sheet(anna).getByRole("button", { name: "Invite", exact: true }).click();
    await sheet(anna).getByText("They were invited.").waitFor();
    await shut(anna);
    const asked = bob.getByRole("group", { name: "Family" });
    await asked.getByText("Anna invites you into this sphere").waitFor();
    await accessible(bob, "invitation into a sphere");
    await asked.getByRole("button", { name: "Join Family" }).click();
    await note(anna, "You brought Bob in").waitFor();
    await anna.locator("main header").getByText("2 members, 1 connected").waitFor();
    await say(bob, "hello everybody");
    await bubble(anna, "hello everybody").getByText("Bob").waitFor();
  });

  await t.test("somebody comes in by a line, in French", async () => {
    await sphere(anna);
    await sheet(anna).getByRole("button", { name: "Invite", exact: true }).click();
    await sheet(anna).getByRole("button", { name: "Make a line" }).click();
    const line = await sheet(anna).getByRole("textbox", { name: "The invitation" }).inputValue();
    await accessible(anna, "inviting into a sphere");
    await shut(anna);
    await carl.getByRole("banner").or(carl.locator("aside header")).getByRole("button", { name: "J’ai une invitation" }).first().click();
    await sheet(carl).getByRole("textbox").fill(line);
    await sheet(carl).locator("button[type=submit]").click();
    await field(carl).waitFor();
    await note(carl, "Anna vous a fait entrer").waitFor();
    await carl.locator("main header").getByText(/^3 membres, [12] connectés?$/).waitFor();
    await say(carl, "salut");
    await bubble(bob, "salut").getByText("Carl").waitFor();
    await accessible(carl, "room");
  });

  await t.test("what was said, and who has it", async () => {
    await say(anna, "is everybody here?");
    await bubble(bob, "is everybody here?").waitFor();
    await bubble(carl, "is everybody here?").waitFor();
    await bubble(anna, "is everybody here?").locator(".state[title^=Read], .state[title^=Delivered]").waitFor();
    await act(anna, "is everybody here?", "Details");
    await sheet(anna).getByText(/^2 of 2 members have it/).waitFor();
    await shut(anna);
    await settles("the mark", async () => (await field(bob).press("h"), anna.locator(".typing").getByText("Bob is writing…").count()), 1);
    await field(bob).fill("");
    await field(bob).pressSequentially("hi @Ca");
    await bob.getByRole("option", { name: /Carl/ }).click();
    await field(bob).press("Enter");
    await bubble(carl, "hi @Carl").locator(".mention").waitFor();
  });

  await t.test("a member is muted, and may write again", async () => {
    const bobs = await may(anna, "Bob");
    await accessible(anna, "sheet of a sphere");
    await bobs.getByRole("combobox", { name: "Mute" }).selectOption({ label: "For 4 hours" });
    await bobs.getByRole("button", { name: "Mute", exact: true }).click();
    await bob.locator(".note", { hasText: /Muted for another (3 h 5\d min|4 h)/ }).waitFor();
    assert.equal(await field(bob).count(), 0);
    await row(bob, "Family").locator("svg.blocked").waitFor();
    await note(bob, /Anna muted you until/).waitFor();
    await bobs.getByRole("button", { name: "Let write again" }).click();
    await field(bob).waitFor();
    await shut(anna);
  });

  await t.test("a fellow is asked to become a contact", async () => {
    await (await may(bob, "Carl")).getByRole("button", { name: "Ask to become a contact" }).click();
    await carl.getByRole("group", { name: "Bob" }).waitFor();
    await shut(bob);
  });

  await t.test("one is removed", async () => {
    const carls = await may(anna, "Carl");
    await carls.getByRole("button", { name: "Remove from the sphere" }).click();
    await carls.getByRole("button", { name: "Really remove" }).click();
    await carl.getByText("Vous avez été retiré de cette sphère.").first().waitFor();
    await shut(anna);
    await say(anna, "without Carl");
    await bubble(bob, "without Carl").waitFor();
    assert.equal(await bubble(carl, "without Carl").count(), 0);
  });

  await t.test("it is renamed, and left", async () => {
    await sphere(anna);
    await sheet(anna).getByRole("textbox", { name: "Name" }).fill("Kin");
    await sheet(anna).getByRole("button", { name: "Save" }).click();
    await row(bob, "Kin").waitFor();
    await shut(anna);
    await sphere(bob);
    await sheet(bob).getByRole("button", { name: "Leave the sphere" }).click();
    await sheet(bob).getByRole("button", { name: "Really leave" }).click();
    await bob.getByRole("main").getByText("You have left this sphere.").waitFor();
    await note(anna, "Bob left").waitFor();
    await open(anna, /Kin/);
    await anna.locator("main header").getByText("1 member, 0 connected").waitFor();
  });

  assert.deepEqual(world.problems, []);
});
