// What is shared: its kinds, names and words, and how the services keep it.

import { beforeEach, describe, expect, test, vi } from "vitest";
import { collect, shares, TooMany } from "../src/lib/collect";
import { files, part } from "../src/lib/files.svelte";
import { frame } from "../src/lib/frame";
import { isMagnet } from "../src/lib/kinds";
import { halves, kindOf, kindOfName, plainName } from "../src/lib/media";
import { History } from "../src/lib/messages.svelte";
import { nav } from "../src/lib/nav.svelte";
import { take } from "../src/lib/node";
import { pasted, type Held } from "../src/lib/picked";
import { pictureURL } from "../src/lib/picture";
import { settings } from "../src/lib/settings.svelte";
import { Shelf } from "../src/lib/shelf.svelte";
import { sentence, standing, step } from "../src/lib/standing";
import { shared, summary } from "../src/lib/summary";
import { clockTime, span } from "../src/lib/time";
import { transfers } from "../src/lib/transfers.svelte";
import { fitted, held, swipe, whole, zoom } from "../src/lib/zoom";
import { answers, message, share, transfer } from "./samples";

beforeEach(() => {
  transfers.list = [];
  files.sealing = new Map();
});

test.each([
  ["a.JPG", "", "picture"], ["a.jpg", "text/html", "picture"], ["page.svg", "image/svg+xml", "other"], ["page.html", "image/png", "other"], ["photo", "image/png", "picture"],
  ["film.mkv", "video/x-matroska", "other"], ["film.mp4", "", "film"], ["song.opus", "", "sound"], ["a.pdf", "", "pdf"], ["main.go", "", "text"], ["noname", "", "other"], ["a.jpg.exe", "image/jpeg", "other"],
])("%s of type %s is %s", (name, type, kind) => expect(kindOfName(name, type)).toBe(kind));

test("a name can't turn around, hide or break", () => {
  expect(plainName("\u202Egnp.exe")).toBe("gnp.exe");
  expect(plainName("a\u200bb\ufeff\u2066.txt\n\tc")).toBe("ab.txtc");
  expect(plainName("\u202e\u200b")).toBe("?");
  expect(plainName("x\u200d.exe")).toBe("x.exe");
  expect(plainName("\u{1F468}\u200D\u{1F469}\u200D\u{1F467} می\u200cخواهم.jpg")).toBe("\u{1F468}\u200D\u{1F469}\u200D\u{1F467} می\u200cخواهم.jpg");
  expect(plainName("\u{e0041}tag.pdf")).toBe("tag.pdf");
});

test("a long name keeps its end", () => {
  expect(halves("short.txt")).toEqual(["short.txt", ""]);
  expect(halves(`${"a".repeat(250)}.pdf`)[1]).toBe("aaaaa.pdf");
  expect(halves("😀".repeat(20))[1]).toBe("😀".repeat(9));
});

test("in few words, in both languages", () => {
  const photo = share("m1", { name: "lake.jpg" }, { text: "look *here*" });
  const folder = share("m2", { name: "Holidays", folder: true, files: 3 });
  const report = share("m3", { name: "report.pdf" });
  expect([photo, folder, report, message("m4")].map(summary)).toEqual(["Photo: look here", "Folder Holidays", "File report.pdf", "text of m4"]);
  settings.set("language", "fr");
  expect([folder, report, share("m5", { name: "a.mp3" })].map(shared)).toEqual(["Dossier Holidays", "Fichier report.pdf", "Son a.mp3"]);
  settings.set("language", "system");
  expect(kindOf({ ...photo, deleted: true })).toBeUndefined();
});

test("room for a picture is there before it is", () => {
  expect(frame(1600, 900)).toEqual({ width: 340, ratio: 16 / 9 });
  expect(frame()).toEqual({ width: 340, ratio: 4 / 3 });
  expect(frame(10, 65_000).ratio).toBe(0.5); // nobody makes a bubble a mile high
  expect(frame(65_000, 10).ratio).toBe(2.6);
  expect(frame(16, 16).width).toBe(150);
});

test.each([
  [transfer("none"), "1 MB", "fetch"],
  [transfer("fetching", { done: 500_000, down: 100_000, left_s: 5, from: [{ name: "Bob", way: "direct", down: 5, up: 0 }, { name: "Eve", way: "link", down: 0, up: 9 }] }), "50% · 100 kB/s · 5 s left · from Bob", "pause"],
  [transfer("paused", { done: 250_000 }), "Paused · 250 kB of 1 MB", "resume"],
  [transfer("waiting", { reason: "Nobody who has it is connected." }), "Nobody who has it is connected. · 1 MB", "pause"],
  [transfer("full", { reason: "The disk is full." }), "The disk is full.", "retry"],
  [transfer("failed"), "That failed", "retry"],
  [transfer("complete"), "1 MB", undefined],
  [transfer("complete", { own: true, up: 2000 }), "1 MB · giving it on, 2 kB/s", undefined],
  [transfer("missing", { own: true, reason: "It is gone." }), "It is gone.", "retry"],
] as const)("a transfer in words: %j", (t, words, next) => {
  expect(standing(t, 1_000_000)).toBe(words);
  expect(step(t)).toBe(next);
});

test("what the node says of a transfer is worded in French", () => {
  settings.set("language", "fr");
  const worded = ["Waits until Bob Jr., or somebody else who has it, is connected.", "“a (1).iso” is not there any more; put it back, or share it again", "the disk is full; make room, and it goes on", "Ordinary torrents are switched off."].map(sentence);
  settings.set("language", "system");
  expect(worded.filter((s) => /\b(the|this|not|and|are)\b/i.test(s))).toEqual([]);
  expect(worded[0]).toBe("Attend que Bob Jr., ou quelqu’un d’autre qui l’a, soit connecté.");
  expect(worded[1]).toBe("“a (1).iso” n’est plus là ; remettez-le, ou partagez-le de nouveau.");
});

test("parts and times", () => {
  expect([part({ done: 5, total: 10 }), part({ done: 0, total: 0 }), part({ done: 20, total: 10 })]).toEqual([0.5, 0, 1]);
  expect([span(0), span(59), span(3700)]).toEqual(["1 s", "59 s", "1 h 2 min"]);
  expect([clockTime(5000), clockTime(65_000), clockTime(3_723_000)]).toEqual(["0:05", "1:05", "1:02:03"]);
});

test("a magnet link alone is one", () => {
  expect(isMagnet(" magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a&dn=x\n")).toBe(true);
  expect(["magnet:?dn=x", "see magnet:?xt=urn:btih:abc", "http://x", ""].some(isMagnet)).toBe(false);
});

test("only pictures become the picture of a sphere", () => {
  expect(pictureURL("/9j/4AAQ")).toBe("data:image/jpeg;base64,/9j/4AAQ");
  expect([pictureURL(btoa("<svg onload=alert(1)>")), pictureURL('/9j/" onerror="x'), pictureURL("/9j/".repeat(20_000)), pictureURL()]).toEqual(["", "", "", ""]);
});

describe("notices", () => {
  test("of a transfer change only that, wherever it is shown", () => {
    const m = share("m1", {}, { conversation: "conv" });
    nav.conversation = "conv";
    nav.history = new History("conv");
    nav.history.list = [message("m0"), m];
    nav.history.loaded = true;
    const now = share("m1", { transfer: transfer("fetching", { done: 5 }) }, { conversation: "conv" });
    take({ type: "transfer", message: now });
    take({ type: "transfer", message: share("m9") }); // out of sight
    expect(nav.history.list.map((m) => [m.id, m.file?.transfer.state])).toEqual([["m0", undefined], ["m1", "fetching"]]);
    expect(nav.history.after).toBe(0);
    nav.conversation = nav.history = undefined;
  });

  test("of what is being read come and go", () => {
    const s = { conversation: "conv", name: "a.iso", done: 1, total: 4, ended: false };
    take({ type: "sealing", sealing: s });
    expect([...files.sealing.values()]).toEqual([s]);
    take({ type: "sealing", sealing: { ...s, ended: true } });
    expect(files.sealing.size).toBe(0);
  });

  test("of one that begins load their order, and speeds add up", async () => {
    const [a, b] = [share("m1", { transfer: transfer("fetching", { down: 100 }) }), share("m2", { transfer: transfer("queued") })];
    const all = { down: 0, up: 0, messages: [b, a], settings: { down: 0, up: 0, hours: [], torrents: false, fetch: "all", most: 0 }, now: { down: 0, up: 0 } };
    const asked = answers({ "GET /transfers": all, "POST /files/m1/move": a });
    take({ type: "transfer", message: a });
    await vi.waitFor(() => expect(transfers.coming.map((m) => m.id)).toEqual(["m2", "m1"]));
    take({ type: "transfer", message: share("m1", { transfer: transfer("fetching", { down: 300, up: 20 }) }) });
    expect([transfers.down, transfers.up]).toEqual([300, 20]);
    await transfers.move(transfers.coming[1]!, 0);
    expect(asked).toContain("POST /files/m1/move");
  });
});

describe("a shelf", () => {
  const all = Array.from({ length: 1200 }, (_, i) => share(`m${1200 - i}`, { name: `${i % 2 ? "b" : "a"}${i}.${i % 3 ? "jpg" : "pdf"}`, size: i }));
  const table = {
    "GET /files": (r: Request) => {
      const q = new URL(r.url).searchParams;
      const from = q.has("before") ? all.findIndex((m) => m.id === q.get("before")) + 1 : 0;
      return all.slice(from, from + Number(q.get("limit")));
    },
  };

  test("has everything, by the page", async () => {
    const asked = answers(table);
    const shelf = new Shelf("conv");
    await shelf.load();
    expect([shelf.list.length, shelf.loaded, asked.length, shelf.visual[0]!.id]).toEqual([1200, true, 3, "m1"]);
    expect(shelf.chosen("document", "", "date").length).toBe(400);
    expect(shelf.chosen(undefined, "A102 PDF", "date").map((m) => m.file!.name)).toEqual(["a102.pdf", "a1020.pdf", "a1026.pdf"]);
    expect(shelf.chosen(undefined, "", "size")[0]!.file!.size).toBe(1199);
    expect(shelf.chosen("picture", "", "name").slice(0, 2).map((m) => m.file!.name)).toEqual(["a2.jpg", "a4.jpg"]);
  });

  test("stays current", async () => {
    answers(table);
    const shelf = new Shelf("conv");
    const end = shelf.follow();
    await shelf.load();
    files.told(share("m1201", { name: "new.jpg" }));
    expect(shelf.list[0]!.id).toBe("m1201");
    files.told(share("m1201", { name: "new.jpg" }, { deleted: true }));
    files.told(share("m1300", {}, { conversation: "other" }));
    files.told(message("m1301"));
    expect(shelf.list.map((m) => m.id).slice(0, 2)).toEqual(["m1200", "m1199"]);
    end();
    files.told(share("m1400"));
    expect(shelf.list[0]!.id).toBe("m1200");
  });
});

describe("what is dropped", () => {
  const file = (name: string) => ({ isFile: true, name, file: (done: (f: File) => void) => done(new File(["x"], name)) }) as unknown as FileSystemEntry;
  const folder = (name: string, ...children: FileSystemEntry[]) => {
    const left = [children.slice(0, 1), children.slice(1), []];
    return { isFile: false, name, createReader: () => ({ readEntries: (done: (some: FileSystemEntry[]) => void) => done(left.shift() ?? []) }) } as unknown as FileSystemEntry;
  };

  test("is walked through, and grouped as it will be sent", async () => {
    const things: Held[] = [folder("Trip", file("a.jpg"), folder("Day 1", file("b.jpg")), file(".DS_Store")), new File(["yy"], "plan.txt"), file("plan.txt")];
    const all = await collect(things);
    expect(all.map((p) => p.path)).toEqual(["Trip/a.jpg", "Trip/Day 1/b.jpg", "plan.txt", "plan.txt"]);
    expect(shares(all).map((s) => [s.name, s.folder, s.files.length, s.size])).toEqual([["Trip", true, 2, 2], ["plan.txt", false, 2, 3]]);
  });

  test("has a bound", async () => {
    const endless = folder("x", ...Array.from({ length: 20_001 }, (_, i) => file(`${i}`)));
    await expect(collect([endless])).rejects.toThrow(TooMany);
  });

  test("a text that also comes as a picture stays a text", () => {
    const clipboard = (types: string[], text: string) => ({ types, getData: () => text, files: [new File(["x"], "image.png")] }) as unknown as DataTransfer;
    expect(pasted(clipboard(["text/plain", "text/html", "Files"], "a table")).length).toBe(0);
    expect(pasted(clipboard(["text/html", "Files"], "")).length).toBe(1);
    expect(pasted(clipboard(["Files"], "")).length).toBe(1);
  });
});

describe("a picture that is enlarged", () => {
  test("keeps the place under the finger", () => {
    const v = zoom(whole, 2, [100, 50]);
    expect(v).toEqual({ scale: 2, x: -100, y: -50 });
    expect(zoom(v, 0.1)).toEqual(whole);
    expect(zoom(v, 1e9).scale).toBe(12);
  });

  test("is not moved out of sight", () => {
    expect(fitted(2000, 1000, 800, 800)).toEqual([800, 400]);
    expect(held({ scale: 2, x: 999, y: 999 }, [800, 400], [800, 800])).toEqual({ scale: 2, x: 400, y: 0 });
  });

  test("is left by a swipe", () => {
    expect([swipe(-120, 10, 200), swipe(120, 10, 800), swipe(5, 200, 500), swipe(20, 10, 100), swipe(60, 50, 200)]).toEqual(["next", "previous", "close", undefined, undefined]);
  });
});
