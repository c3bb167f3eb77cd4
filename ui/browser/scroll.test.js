// A conversation of some thousand messages: scrolling never jumps, and shows
// every message once and in order.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as page from "./page.js";
import { World, missing } from "./world.js";

const count = 1500;
const button = (window, name) => window.getByRole("button", { name, exact: true });

// speaker gives what has somebody say numbered things, long and short ones.
async function speaker(world, node) {
  const window = await world.page(node);
  const cookie = (await window.context().cookies()).map((c) => `${c.name}=${c.value}`).join("; ");
  await window.context().close();
  return async (to, from, end) => {
    let next = from;
    const send = async () => {
      while (next < end) {
        const n = next++;
        const text = `n${n} ${"and so on ".repeat((n * 7919) % 40)}`;
        const answer = await fetch(`${node.origin}/api/v1/messages`, { method: "POST", headers: { "content-type": "application/json", origin: node.origin, cookie }, body: JSON.stringify({ to: [to], text }) });
        assert.ok(answer.ok, await answer.text());
      }
    };
    await Promise.all(Array.from({ length: 32 }, send));
  };
}

// watch puts helpers into the page.
const watch = (window) =>
  window.evaluate(() => {
    const box = document.querySelector("main .box");
    const rows = () => [...box.querySelectorAll("li[data-id]")];
    // What one sees: the places of the rows in sight, by ID.
    globalThis.sight = () => {
      const { top, bottom } = box.getBoundingClientRect();
      return new Map(rows().map((li) => [li.dataset.id, li.getBoundingClientRect()]).filter(([, r]) => r.bottom > top && r.top < bottom).map(([id, r]) => [id, r.top]));
    };
    // ids are those in the document, in order.
    globalThis.ids = () => rows().map((li) => li.dataset.id);
    // walk scrolls by some pixels a frame and gives what was wrong on the way.
    globalThis.walk = async (by, frames) => {
      const wrong = [];
      const met = new Set();
      // No faster than rows come: how fast they do is the machine's, and how they
      // stand when they are there is ours.
      const [above, list, below] = ["div.room", "ol", "ol ~ div.room"].map((s) => box.querySelector(s));
      const short = () => {
        const [rows, seen] = [list.getBoundingClientRect(), box.getBoundingClientRect()];
        return by < 0 ? above.offsetHeight > 1 && seen.top - rows.top < -by : below.offsetHeight > 1 && rows.bottom - seen.bottom < by;
      };
      for (let i = 0; i < frames; i++) {
        for (const end = Date.now() + 60_000; short() && Date.now() < end; ) await new Promise(requestAnimationFrame);
        const before = globalThis.sight();
        const at = box.scrollTop;
        box.scrollTop += by;
        const moved = box.scrollTop - at;
        await new Promise(requestAnimationFrame);
        await new Promise((done) => setTimeout(done));
        const after = globalThis.sight();
        for (const id of globalThis.ids()) met.add(id);
        if (!after.size) wrong.push(`frame ${i}: nothing in sight`);
        for (const [id, top] of after) if (before.has(id) && Math.abs(before.get(id) - top - moved) > 1.5) wrong.push(`frame ${i}: moved by ${before.get(id) - top} instead of ${moved}`);
      }
      return { wrong: wrong.slice(0, 5), met: [...met] };
    };
  });

test("a long conversation", { skip: missing, timeout: 900_000 }, async (t) => {
  const began = new Date();
  const world = await World.open(t);
  const [annaNode, bobNode] = await world.pair();
  const say = await speaker(world, bobNode);
  await page.settles("Bob knows Anna", () => bobNode.cli("contacts").then((list) => list?.[0]?.relation), "accepted");
  await say("Anna", 0, count);
  const anna = await world.page(annaNode);

  // The order is what the node says it is.
  let order;
  const learn = async () => {
    order = await anna.evaluate(async () => {
      const all = [];
      const { conversation } = await (await fetch("/api/v1/contacts/Bob")).json();
      for (let before = ""; ; ) {
        const some = await (await fetch(`/api/v1/conversations/${conversation}/messages?limit=500${before && `&before=${before}`}`)).json();
        all.unshift(...some.map((m) => m.id));
        if (some.length < 500) return all;
        before = some[0].id;
      }
    });
    return order.length;
  };
  await page.settles("all are here", learn, count);
  await anna.getByRole("navigation").getByRole("button", { name: /Bob/ }).click();
  await page.field(anna).waitFor();
  await watch(anna);
  const ids = () => anna.evaluate(() => globalThis.ids());
  // sound makes sure that what is in the document has no gap and no double.
  const sound = async (list) => {
    const shown = list ?? (await ids());
    const first = order.indexOf(shown[0]);
    assert.ok(first >= 0 && shown.length > 5, `${shown.length} rows from ${first}`);
    assert.deepEqual(shown, order.slice(first, first + shown.length));
    assert.ok(shown.length < 300 || list, `${shown.length} rows are in the document`);
  };
  const inSight = (id) => anna.evaluate((id) => globalThis.sight().has(id), id);
  const place = (id) => anna.evaluate((id) => globalThis.sight().get(id), id);
  const walk = async (by, frames) => {
    const { wrong, met } = await anna.evaluate(([by, frames]) => globalThis.walk(by, frames), [by, frames]);
    assert.deepEqual(wrong, []);
    await sound();
    const places = met.map((id) => order.indexOf(id)).sort((a, b) => a - b);
    assert.deepEqual(places, places.map((_, i) => places[0] + i), "every message on the way");
    return met.length;
  };

  await t.test("opens at the end, and scrolls up and down without a jump", async () => {
    await page.settles("the newest", () => inSight(order.at(-1)), true);
    await sound();
    await say("Anna", count, count + 60);
    await page.settles("more are here", learn, count + 60);
    await page.settles("the newest, which came", () => inSight(order.at(-1)), true);
    await sound();
    assert.ok((await walk(-300, 80)) > 130);
    assert.ok((await walk(300, 50)) > 80);
    await walk(-1500, 20);
  });

  await t.test("stays where it is while others come and sizes change", async () => {
    const first = await anna.evaluate(() => [...globalThis.sight()].find(([, top]) => top >= document.querySelector("main .box").getBoundingClientRect().top)[0]);
    const before = await place(first);
    await say("Anna", count + 60, count + 80);
    await page.settles("more are here", learn, count + 80);
    await page.settles("counted", () => anna.locator("button.end .new").textContent(), "20");
    assert.ok(Math.abs((await place(first)) - before) < 1.5);
    await anna.setViewportSize({ width: 760, height: 600 });
    await page.settles("after a change of width", async () => Math.abs((await place(first)) - before) < 1.5, true);
    await anna.evaluate(() => (document.documentElement.style.fontSize = "22px"));
    await page.settles("after a change of type", async () => Math.abs((await place(first)) - before) < 1.5, true);
    // A movement of which the page hears before it hears of the change.
    await anna.evaluate(() => {
      document.documentElement.style.fontSize = "";
      document.querySelector("main .box").dispatchEvent(new Event("scroll"));
    });
    await page.settles("after both at once", async () => Math.abs((await place(first)) - before) < 1.5, true);
    await anna.setViewportSize({ width: 1100, height: 760 });
    await page.settles("back", async () => Math.abs((await place(first)) - before) < 1.5, true);
    await sound();
  });

  await t.test("goes from a search to an old message and back to the newest", async () => {
    await anna.keyboard.press("Control+f");
    await anna.getByRole("searchbox").fill("n137");
    await anna.locator(".found").getByRole("button", { name: /n137 / }).click();
    const wanted = await anna.locator("li[data-id]").filter({ hasText: "n137 " }).getAttribute("data-id");
    await page.settles("in sight", () => inSight(wanted), true);
    await page.settles("in focus", () => anna.evaluate(() => document.activeElement.dataset.id), wanted);
    await sound();
    await walk(-300, 10);
    await walk(300, 40);
    await anna.keyboard.press("Escape");
    await button(anna, "To the newest messages").click();
    await page.settles("the newest", () => inSight(order.at(-1)), true);
    await sound();
    await page.say(anna, "and now I");
    await learn();
    await page.settles("one's own", () => inSight(order.at(-1)), true);
  });

  await t.test("goes to the beginning, to a day, and where the scrollbar is dragged", async () => {
    await anna.evaluate(() => (document.querySelector("main .box").scrollTop -= 2000));
    await button(anna, "To the beginning").click();
    await page.settles("the first", () => inSight(order[0]), true);
    await anna.getByText("This is the beginning.").waitFor();
    await sound();
    await walk(300, 40);
    // Half way down the bar is about half way through the conversation.
    await anna.evaluate(() => (document.querySelector("main .box").scrollTop = document.querySelector("main .box").scrollHeight / 2));
    const half = async () => order.indexOf(await anna.evaluate(() => [...globalThis.sight().keys()][0])) / order.length;
    await page.settles("half way", half, (at) => at > 0.4 && at < 0.6);
    await sound();
    await walk(-300, 40);
    await anna.evaluate(() => (document.querySelector("main .box").scrollTop = 1e9));
    await page.settles("the newest", () => inSight(order.at(-1)), true);
    await sound();
    await anna.evaluate(() => (document.querySelector("main .box").scrollTop -= 2000));
    await anna.getByLabel("Go to a day", { exact: true }).and(anna.locator("input")).fill(began.toLocaleDateString("sv")); // midnight may have passed
    await page.settles("the first of the day", () => inSight(order[0]), true);
    await anna.keyboard.press("End");
    await page.settles("the newest by keyboard", () => inSight(order.at(-1)), true);
    await anna.keyboard.press("Home");
    await page.settles("the first by keyboard", () => inSight(order[0]), true);
    await sound();
  });

  assert.deepEqual(world.problems, []);
});
