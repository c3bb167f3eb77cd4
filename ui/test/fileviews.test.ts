// How what is shared is drawn, and what a click on it does.

import { flushSync } from "svelte";
import { beforeEach, describe, expect, test, vi } from "vitest";
import Bubble from "../src/views/Bubble.svelte";
import FileCard from "../src/views/FileCard.svelte";
import FileDetails from "../src/views/FileDetails.svelte";
import Forward from "../src/views/Forward.svelte";
import Send from "../src/views/Send.svelte";
import TransfersSheet from "../src/views/TransfersSheet.svelte";
import { contacts } from "../src/lib/contacts.svelte";
import { History } from "../src/lib/messages.svelte";
import { nav } from "../src/lib/nav.svelte";
import { settings } from "../src/lib/settings.svelte";
import { transfers } from "../src/lib/transfers.svelte";
import { uploads } from "../src/lib/upload.svelte";
import { Writing } from "../src/lib/writing.svelte";
import { render } from "./render";
import { answers, contact, message, share, transfer } from "./samples";

const bubble = (m: ReturnType<typeof share>) => render(Bubble, { message: m, first: true, last: true, history: new History("conv"), openMenu: () => {} });
const words = (e: Element) => e.textContent!.replace(/\s+/g, " ").trim();

beforeEach(() => {
  nav.dialog = undefined;
  nav.trouble = "";
});

describe("a bubble", () => {
  test("shows a picture by what came with it, until all of it is here", () => {
    const source = (state: "none" | "complete") => bubble(share("m1", { name: "a.jpg", preview: true, width: 400, height: 300, transfer: transfer(state) })).querySelector("img")!.getAttribute("src");
    expect([source("none"), source("complete")]).toEqual(["/api/v1/files/m1/preview", "/api/v1/files/m1/content/0"]);
  });

  test("keeps room for it", () => {
    const box = bubble(share("m1", { name: "a.jpg", preview: true, width: 1600, height: 800 }));
    expect([box.querySelector<HTMLElement>(".bubble")!.style.width, box.querySelector<HTMLElement>(".visual:not(.bubble)")!.style.aspectRatio]).toEqual(["348px", "2 / 1"]);
  });

  test("of hostile things holds nothing but text", () => {
    const box = bubble(share("m1", { name: `\u202E<img src=x onerror=alert(1)>"onclick="x.html`, type: "image/svg+xml", preview: false }, { text: "<script>x</script>" }));
    expect([box.querySelector("script, iframe, object, img"), box.textContent!.includes("\u202e")]).toEqual([null, false]);
    expect(box.textContent).toContain("<img src=x onerror=alert(1)>");
    expect(box.querySelector("[onclick], [onerror]")).toBeNull();
  });

  test("of an ID that is no ID asks for nothing else", () => {
    const box = bubble(share("../../me?x=", { name: "a.jpg", preview: true, transfer: transfer("none") }));
    expect(box.querySelector("img")!.getAttribute("src")).toBe("/api/v1/files/..%2F..%2Fme%3Fx%3D/preview");
  });
});

describe("a file", () => {
  test("is fetched, paused and tried again by its button", async () => {
    const m = (state: "none" | "fetching" | "paused" | "failed") => share("m1", { transfer: transfer(state, { done: 400_000 }) });
    const asked = answers(Object.fromEntries(["fetch", "pause", "resume"].map((what) => [`POST /files/m1/${what}`, m("fetching")])));
    const names: string[] = [];
    for (const state of ["none", "fetching", "paused", "failed"] as const) {
      const button = render(FileCard, { message: m(state), kind: "other" }).querySelector("button")!;
      names.push(button.getAttribute("aria-label")!);
      button.click();
    }
    await vi.waitFor(() => expect(asked).toEqual(["fetch", "pause", "resume", "fetch"].map((what) => `POST /files/m1/${what}`)));
    expect(names).toEqual(["Fetch: a.bin", "Pause: a.bin", "Resume: a.bin", "Try again: a.bin"]);
  });

  test("tells how far it is", () => {
    const box = render(FileCard, { message: share("m1", { transfer: transfer("fetching", { done: 400_000, down: 1000 }) }), kind: "other" });
    const bar = box.querySelector("[role=progressbar]")!;
    expect([bar.getAttribute("aria-valuenow"), bar.getAttribute("aria-label")]).toEqual(["40", "How much of a.bin is here"]);
    expect(words(box)).toContain("40% · 1 kB/s");
  });

  test("that can't be had says why, and a click shows what failed", async () => {
    const box = render(FileCard, { message: share("m1", { transfer: transfer("waiting", { reason: "Waits until Bob, or somebody else who has it, is connected." }) }), kind: "other" });
    expect(words(box)).toContain("Waits until Bob, or somebody else who has it, is connected.");
    answers({});
    box.querySelector<HTMLElement>("button")!.click();
    await vi.waitFor(() => expect(nav.trouble).toMatch(/Nothing at POST/));
  });

  test("that is here is opened by a click: a text here, others by a program", async () => {
    const asked = answers({ "POST /files/m2/launch": null });
    const click = (m: ReturnType<typeof share>, kind: "text" | "other") => render(FileCard, { message: m, kind }).querySelector<HTMLElement>(".what")!.click();
    click(share("m1", { name: "a.txt" }), "text");
    click(share("m2", { name: "a.doc" }), "other");
    expect(nav.dialog).toMatchObject({ kind: "reader", message: { id: "m1" } });
    await vi.waitFor(() => expect(asked).toEqual(["POST /files/m2/launch?number=0"]));
  });

  test("of a folder lists what is in it, and fetches what is chosen", async () => {
    const folder = share("m1", { name: "Trip", folder: true, files: 2, transfer: transfer("none") });
    let body: unknown;
    answers({
      "GET /files/m1/entries": [{ number: 0, path: "Trip/a.txt", size: 10, done: 10, complete: true, wanted: true }, { number: 1, path: "Trip/b.txt", size: 10, done: 0, complete: false, wanted: false }],
      "POST /files/m1/fetch": async (r: Request) => ((body = await r.json()), folder),
    });
    const box = render(FileDetails, { message: folder });
    await vi.waitFor(() => expect(box.querySelectorAll("li").length).toBe(2));
    expect(box.querySelectorAll("input[type=checkbox]").length).toBe(1);
    box.querySelector<HTMLInputElement>("input[type=checkbox]")!.click();
    flushSync();
    [...box.querySelectorAll("button")].find((b) => b.textContent === "Fetch 1 file")!.click();
    await vi.waitFor(() => expect(body).toEqual({ files: ["Trip/b.txt"], first: false }));
  });
});

test("a file tells how it stands at hubs that keep it, in both languages", () => {
  const kept = [
    { hub: "a.example", have: 10, size: 10, until: "2027-02-19T12:00:00Z" },
    { hub: "b.example", have: 639, size: 1000 },
    { hub: "c.example", have: 0, size: 1000, reason: "There is no room for it: the hub has room for 5 GiB of a device, and 4.2 GiB are used" },
  ];
  const lines = () => [...render(FileDetails, { message: share("m1", { kept }) }).querySelectorAll("li")].map(words);
  expect(lines()).toEqual([
    expect.stringMatching(/^Kept by a\.example until .*February 19, 2027/), "63% at b.example",
    "c.example: There is no room for it: the hub has room for 5 GiB of a device, and 4.2 GiB are used.",
  ]);
  settings.set("language", "fr");
  expect(lines()).toEqual([
    expect.stringMatching(/^Gardé par a\.example jusqu’au .*19 février 2027/), expect.stringMatching(/^63\s%\schez b\.example$/),
    "c.example: Il n’y a pas de place : le hub a de la place pour 5 GiB d’un appareil, dont 4.2 GiB sont pris.",
  ]);
  settings.set("language", "system");
  expect(render(FileDetails, { message: share("m1") }).textContent).not.toContain("Kept");
});

test("what is about to be sent is in sight, and can be left out", async () => {
  const writing = new Writing("conv", new History("conv"));
  writing.text = "look";
  const picked = ["a.jpg", "Trip/b.txt", "Trip/c.txt"].map((path) => ({ path, file: new File(["12345"], path.split("/").at(-1)!) }));
  const started: unknown[] = [];
  uploads.start = ((...all: unknown[]) => started.push(all)) as never;
  const box = render(Send, { conversation: "conv", name: "Bob", picked, writing, close: () => {} });
  await vi.waitFor(() => expect(box.querySelectorAll("li").length).toBe(2));
  expect([...box.querySelectorAll("li")].map(words)).toEqual([expect.stringContaining("a.jpg"), expect.stringContaining("2 files · 10 bytes")]);
  box.querySelectorAll<HTMLElement>("li button")[1]!.click();
  flushSync();
  expect(box.querySelectorAll("li").length).toBe(1);
  box.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await vi.waitFor(() => expect(started).toEqual([["conv", [picked[0]], { caption: "look", keep_location: false }]]));
  expect(writing.text).toBe("");
});

test("transfers stand in their order, and change it", async () => {
  const all = ["m1", "m2"].map((id) => share(id, { name: `${id}.bin`, transfer: transfer("queued") }));
  const settings = { down: 0, up: 0, hours: [], torrents: false, fetch: "all", most: 0 };
  let before: unknown;
  answers({ "GET /transfers": { down: 0, up: 0, messages: all, settings, now: { down: 0, up: 0 } }, "POST /files/m2/move": async (r: Request) => ((before = await r.json()), all[1]), "PUT /transfers/settings": async (r: Request) => r.json() });
  const box = render(TransfersSheet, { close: () => {} });
  await vi.waitFor(() => expect(box.querySelectorAll("ol li").length).toBe(2));
  [...box.querySelectorAll("button")].find((b) => b.getAttribute("aria-label") === "Fetch m2.bin earlier")!.click();
  await vi.waitFor(() => expect(before).toEqual({ before: "m1" }));
  await transfers.set({ torrents: true });
  expect(transfers.settings).toMatchObject({ fetch: "all" });
});

test("what is shared is passed on from where it lies, and only if it is here", async () => {
  contacts.all = new Map([["bob", contact("bob")]]);
  const bodies: unknown[] = [];
  answers({ "POST /conversations/bob/files": async (r: Request) => (bodies.push(await r.json()), [message("m5", { conversation: "conv-bob" })]) });
  const send = (m: ReturnType<typeof share>) => {
    const box = render(Forward, { list: [m], done: () => {}, close: () => {} });
    box.querySelector<HTMLInputElement>("input[type=checkbox]")!.click();
    flushSync();
    box.querySelector("form")!.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    return box;
  };
  const away = send(share("m1", { transfer: transfer("none", { path: "/x/a.bin" }) }));
  await vi.waitFor(() => expect(away.querySelector("[role=alert]")?.textContent).toMatch(/^Fetch a\.bin first/));
  send(share("m2", { transfer: transfer("complete", { path: "/x/a.bin" }) }, { text: "see" }));
  await vi.waitFor(() => expect(bodies).toEqual([{ paths: ["/x/a.bin"], caption: "see" }]));
  nav.conversation = nav.history = undefined;
  location.hash = "";
});
