// QR codes: shown, saved, and read from pictures and by the camera.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gif, video } from "./codes.js";
import { field, open, settles, shut } from "./page.js";
import { World, missing } from "./world.js";

const line = (page) => page.getByLabel("Paste the invitation");
const file = (page) => page.locator("dialog input[type=file]");
const joins = (page) => page.locator("aside").getByRole("button", { name: "I have an invitation" }).first().click();
const alert = (page, text) => page.getByRole("alert").filter({ hasText: text }).waitFor();

// hand gives the page a file as a drop or a paste does.
const hand = (page, kind, bytes, type) =>
  page.evaluate(async ({ kind, base64, type }) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "code", { type }));
    const at = document.querySelector("dialog");
    if (kind === "paste") at.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    else for (const step of ["dragover", "drop"]) at.dispatchEvent(new DragEvent(step, { dataTransfer: data, bubbles: true, cancelable: true }));
  }, { kind, base64: Buffer.from(bytes).toString("base64"), type });

test("codes are read", { skip: missing, timeout: 900_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "kith-codes-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const film = join(folder, "camera.y4m");
  const world = await World.open(t, { args: ["--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${film}`] });
  const [annaNode, bobNode, carlNode] = await Promise.all([world.node(), world.node(), world.node()]);
  await Promise.all([annaNode.cli("me", "--name", "Anna"), bobNode.cli("me", "--name", "Bob"), carlNode.cli("me", "--name", "Carl")]);
  const anna = await world.page(annaNode);
  const bob = await world.page(bobNode, { permissions: ["camera"] });
  let saved, invitation;

  await t.test("an invitation is saved as a picture, and shared", async () => {
    await anna.evaluate(() => (navigator.share = async (what) => void (globalThis.shared = what.text)));
    await anna.locator("aside").getByRole("button", { name: "Invite someone" }).first().click();
    const download = anna.waitForEvent("download");
    await anna.getByRole("button", { name: "Save the code" }).click();
    saved = readFileSync(await (await download).path());
    assert.equal((await download).suggestedFilename(), "kith-invitation.png");
    invitation = await anna.getByRole("textbox", { name: "The invitation" }).inputValue();
    await anna.getByRole("button", { name: "Share…" }).click();
    await settles("what was shared", () => anna.evaluate(() => globalThis.shared), (text) => text?.endsWith(invitation));
    await shut(anna);
  });

  await t.test("from a picture that one chooses, drops or pastes", async () => {
    await joins(bob);
    await file(bob).setInputFiles({ name: "kith-invitation.png", mimeType: "image/png", buffer: saved });
    await settles("chosen", () => line(bob).inputValue(), invitation);
    await bob.getByText("The code was read. Now press Connect.").waitFor();
    for (const kind of ["drop", "paste"]) {
      await line(bob).fill("");
      await hand(bob, kind, saved, "image/png");
      await settles(kind, () => line(bob).inputValue(), invitation);
    }
    // A photograph: large, and the code is a small part of it.
    await line(bob).fill("");
    await bob.evaluate(async (base64) => {
      const code = new Image();
      code.src = `data:image/png;base64,${base64}`;
      await new Promise((done) => (code.onload = done));
      const canvas = new OffscreenCanvas(5000, 3800);
      const pen = canvas.getContext("2d");
      pen.fillStyle = "#887766";
      pen.fillRect(0, 0, 5000, 3800);
      pen.rotate(0.1);
      pen.drawImage(code, 2000, 900, 1500, 1500);
      const data = new DataTransfer();
      data.items.add(new File([await canvas.convertToBlob({ type: "image/jpeg" })], "photo", { type: "image/jpeg" }));
      document.querySelector("dialog").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }, saved.toString("base64"));
    await settles("a photograph", () => line(bob).inputValue(), invitation);
    await line(bob).fill("");
  });

  await t.test("hostile pictures do nothing", async () => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>document.title="owned"</script></svg>`;
    await hand(bob, "drop", Buffer.from(svg), "image/svg+xml");
    await alert(bob, "not a picture");
    await hand(bob, "drop", Buffer.from("no picture at all"), "image/png");
    await alert(bob, "not a picture");
    const vast = Buffer.from(saved); // says that it has 60,000 × 60,000 pixels
    vast.writeUInt32BE(60_000, 16);
    vast.writeUInt32BE(60_000, 20);
    await hand(bob, "drop", vast, "image/png");
    await alert(bob, /not a picture|too large/);
    await hand(bob, "paste", gif("https://example.org/evil"), "image/gif");
    await alert(bob, "holds no invitation");
    await hand(bob, "paste", gif("1".repeat(60)), "image/gif");
    await alert(bob, "holds no invitation");
    await hand(bob, "drop", gif(`kith:${"A".repeat(90)}`), "image/gif");
    world.expected.push(/status of 422/);
    await settles("a false invitation", () => line(bob).inputValue(), (text) => text.startsWith("kith:AAAA"));
    await bob.getByRole("button", { name: "Connect", exact: true }).click();
    await bob.getByRole("dialog").getByRole("alert").waitFor(); // the node says why
    assert.equal(await bob.title(), "Kith");
  });

  await t.test("by the camera", async () => {
    video(film, invitation);
    await line(bob).fill("");
    await bob.getByRole("button", { name: "Use the camera" }).click();
    await settles("seen", () => line(bob).inputValue(), invitation);
    assert.equal(await bob.locator("video").count(), 0, "the camera is off afterwards");
    await bob.getByRole("button", { name: "Connect", exact: true }).click();
    await field(bob).waitFor();
    await anna.getByRole("navigation").getByRole("button", { name: /Bob/ }).waitFor();
  });

  await t.test("safety numbers are the same, or not", async () => {
    const other = await annaNode.cli("invite");
    await carlNode.cli("join", other.line);
    const [same, different] = await Promise.all([annaNode.cli("verify", "Bob"), annaNode.cli("verify", "Carl")]);
    await bob.locator("header .who").last().click();
    const sheet = bob.getByRole("dialog");
    const read = async (name, digits) => {
      video(film, digits.replace(/\D/g, ""));
      await sheet.getByRole("button", { name }).click();
      await sheet.getByRole("button", { name: "Use the camera" }).click();
    };
    await read("Read their code", different.digits);
    await alert(sheet, "NOT the same.");
    await sheet.getByText("Not compared yet").waitFor();
    await read("Read a code again", same.digits);
    await sheet.getByRole("status").filter({ hasText: "The same." }).waitFor();
    await sheet.getByText(/^Compared/).waitFor();
    assert.equal(await sheet.getByText("NOT the same").count(), 0);
    await shut(bob);
  });

  await t.test("a pasted line, by the camera", async () => {
    const offers = async (page, name) => {
      await open(page, name);
      await page.locator("main header .status").click();
      await page.getByRole("button", { name: /pasted lines/ }).click();
    };
    await offers(anna, /Bob/);
    await anna.getByRole("button", { name: "Make my line" }).click();
    const offer = await anna.getByRole("textbox", { name: "1. Your line" }).inputValue();
    await anna.getByText("The line as a QR code").click();
    await anna.getByRole("img", { name: "The line as a QR code" }).waitFor();
    await shut(anna);
    video(film, offer);
    await offers(bob, /Anna/);
    await bob.getByRole("button", { name: "Use the camera" }).click();
    const theirs = bob.getByRole("textbox", { name: "2. Their line" });
    await settles("seen", () => theirs.inputValue(), offer);
    await theirs.fill("");
    await file(bob).setInputFiles({ name: "code.png", mimeType: "image/png", buffer: saved });
    await alert(bob, "holds no line for a connection");
    await shut(bob);
  });

  await t.test("a camera that is refused", async () => {
    await joins(anna);
    await anna.getByRole("button", { name: "Use the camera" }).click();
    await alert(anna, "does not let this page use the camera");
    await shut(anna);
  });

  assert.deepEqual(world.problems, []);
});
