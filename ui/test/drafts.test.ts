// What is typed is never lost: the node keeps it, and until it does, the browser.

import { beforeEach, describe, expect, test, vi } from "vitest";
import { Failure } from "../src/lib/api";
import { contacts } from "../src/lib/contacts.svelte";
import { conversations } from "../src/lib/conversations.svelte";
import { drafts, reconcile } from "../src/lib/drafts.svelte";
import { History } from "../src/lib/messages.svelte";
import { take } from "../src/lib/node";
import { Writing } from "../src/lib/writing.svelte";
import { answers, contact, conversation, message } from "./samples";

const kept = () => JSON.parse(localStorage.getItem("kith.draft.conv-bob") ?? "null")?.draft.text;

// The node's side: what it has, and each request's body.
function node(draft?: { text: string }) {
  contacts.all = new Map([["bob", contact("bob")]]);
  conversations.list = [conversation("bob", { draft })];
  const got: unknown[] = [];
  answers({ "PUT /conversations/conv-bob/draft": async (r: Request) => (got.push(await r.json()), null) });
  return got;
}
const away = () => (globalThis.fetch = () => Promise.reject(new TypeError("away")));

beforeEach(async () => {
  node();
  await drafts.catchUp(); // nothing waits from the test before
});

describe("drafts", () => {
  test("wait here until the node has them, one at a time", async () => {
    vi.useFakeTimers();
    const got = node();
    drafts.put("conv-bob", { text: "ha" });
    drafts.put("conv-bob", { text: "half" });
    expect([kept(), drafts.of("conv-bob").text, got]).toEqual(["half", "half", []]);
    await vi.advanceTimersByTimeAsync(600);
    expect([got, kept(), conversations.list[0]!.draft]).toEqual([[{ text: "half" }], undefined, { text: "half" }]);
    drafts.put("conv-bob", { text: "half a" });
    drafts.put("conv-bob", { text: "half" }); // as the node has it already
    await vi.advanceTimersByTimeAsync(600);
    expect([got.length, kept()]).toEqual([1, undefined]);
    vi.useRealTimers();
  });

  test("that change while one is on its way leave nothing behind", async () => {
    node();
    const got: string[] = [];
    let answer = () => {};
    answers({ "PUT /conversations/conv-bob/draft": async (r: Request) => (got.push((await r.json()).text), new Promise((done) => (answer = () => done(null)))) });
    drafts.put("conv-bob", { text: "a" });
    const pushing = drafts.push("conv-bob");
    await vi.waitFor(() => expect(got).toEqual(["a"]));
    drafts.put("conv-bob", { text: "ab" });
    await drafts.push("conv-bob"); // waits for its turn
    answer();
    await vi.waitFor(() => expect(got).toEqual(["a", "ab"]));
    answer();
    await pushing;
    expect([localStorage.length, drafts.of("conv-bob").text]).toEqual([0, "ab"]);
  });

  test("that another browser sent before the node's answer came are gone", async () => {
    node();
    let answer: (() => void) | undefined;
    answers({ "PUT /conversations/conv-bob/draft": () => new Promise((done) => (answer = () => done(null))) });
    drafts.put("conv-bob", { text: "sent there" });
    const pushing = drafts.push("conv-bob");
    await vi.waitFor(() => expect(answer).toBeDefined());
    take({ type: "row", row: conversation("bob", { draft: { text: "sent there" } }) }); // what we gave
    take({ type: "row", row: conversation("bob") }); // sent there
    answer!();
    await pushing;
    expect([drafts.of("conv-bob").text, conversations.list[0]!.draft]).toEqual(["", undefined]);
  });

  test("survive a node that is away, and a browser that ends", async () => {
    away();
    drafts.put("conv-bob", { text: "typed offline" });
    await drafts.push("conv-bob");
    expect([kept(), drafts.of("conv-bob").text]).toEqual(["typed offline", "typed offline"]);
    const got = node();
    await drafts.catchUp();
    expect([got, kept()]).toEqual([[{ text: "typed offline" }], undefined]);

    // As a browser that ended left it.
    localStorage.setItem("kith.draft.conv-bob", JSON.stringify({ draft: { text: "left behind" } }));
    localStorage.setItem("kith.draft.conv-x", "{");
    const then = node();
    await drafts.catchUp();
    expect([then, localStorage.length]).toEqual([[{ text: "left behind" }], 0]);
  });

  test("of another node at the same address are dropped", async () => {
    localStorage.setItem("kith.draft.conv-elsewhere", JSON.stringify({ draft: { text: "x" } }));
    await drafts.catchUp();
    expect(localStorage.length).toBe(0);
  });

  test.each([
    ["same base", "mine", "old", "old", "mine"],
    ["they had none", "mine", undefined, undefined, "mine"],
    ["theirs was sent", "mine", "old", undefined, "mine"],
    ["mine goes on", "one two", undefined, "one", "one two"],
    ["theirs goes on", "one", undefined, "one two", "one two"],
    ["mine was sent", "", "old", "new", "new"],
    ["both differ", "mine", "old", "theirs", "theirs\nmine"],
  ])("are joined: %s", (_, mine, base, theirs, want) => {
    const draft = (text?: string) => (text === undefined ? undefined : { text });
    expect(reconcile({ text: mine }, draft(base), draft(theirs)).text).toBe(want);
  });
});

describe("what is being written", () => {
  const writing = (h = new History("conv-bob")) => new Writing("conv-bob", h);

  test("comes back when the node does not take it", async () => {
    away();
    const w = writing();
    w.text = "keep me";
    const sending = w.send("bob");
    w.text = "and this";
    await expect(sending).rejects.toThrow(Failure);
    expect([w.text, kept()]).toEqual(["keep me\nand this", "keep me\nand this"]);
  });

  test("waits while a message is changed, with what it answers", async () => {
    const h = new History("conv-bob");
    h.list = [message("m1", { mine: true, text: "old" }), message("m2")];
    answers({ "PATCH /messages/m1": message("m1", { mine: true, text: "new", edited: true }) });
    const w = writing(h);
    w.text = "draft";
    w.answer(h.list[1]!);
    w.change(h.list[0]!);
    expect([w.text, w.reply]).toEqual(["old", undefined]);
    w.text = "new";
    await w.send("bob");
    expect([h.list[0]!.text, w.text, w.edit, w.reply?.id]).toEqual(["new", "draft", undefined, "m2"]);
  });

  test("goes, with whom it mentions, and the draft with it", async () => {
    const sent: unknown[] = [];
    const put: unknown[] = [];
    node({ text: "@b" });
    answers({
      "POST /messages": async (r: Request) => (sent.push(await r.json()), [message("m1")]),
      "PUT /conversations/conv-bob/draft": async (r: Request) => (put.push(await r.json()), null),
      "GET /conversations/conv-bob/messages": [],
    });
    const w = writing();
    expect([w.text, w.mention(contact("bob", { name: "Darling", own_name: "Bob" }), 0, 2), w.text]).toEqual(["@b", 5, "@Bob "]);
    w.text = "@Bob hello `@Bob`";
    w.save();
    expect(drafts.of("conv-bob").mentions).toEqual([{ account: "bob", text: "@Bob" }]);
    await w.send("bob");
    await vi.waitFor(() => expect(put.at(-1)).toMatchObject({ text: "" }));
    expect([sent, kept()]).toEqual([[{ to: ["bob"], text: "@Bob hello `@Bob`", mentions: [{ account: "bob", text: "@Bob" }] }], undefined]);
  });

  test("follows another window, but not its own echo, nor over what is typed here", async () => {
    node();
    const w = writing();
    const end = drafts.watch("conv-bob", (d) => w.adopt(d));
    const told = (text: string) => take({ type: "row", row: conversation("bob", { draft: text ? { text } : undefined }) });
    told("from afar");
    expect(w.text).toBe("from afar");
    w.text = "from afar, and here"; // not saved yet
    told("something else");
    expect(w.text).toBe("from afar, and here");
    w.save();
    await drafts.push("conv-bob");
    w.text = "typed meanwhile";
    w.save();
    await drafts.push("conv-bob");
    told("from afar, and here"); // a late echo
    expect(w.text).toBe("typed meanwhile");
    told("typed meanwhile");
    told(""); // sent there
    expect(w.text).toBe("");
    end();
  });

  test("is left with its answer", async () => {
    const h = new History("conv-bob");
    h.list = [message("m1")];
    node();
    const w = writing(h);
    w.answer(h.list[0]!);
    w.text = "yes";
    w.leave();
    expect(drafts.of("conv-bob")).toEqual({ text: "yes", reply_to: "m1" });
    const again = writing(h);
    await vi.waitFor(() => expect(again.reply?.id).toBe("m1"));
    expect(again.text).toBe("yes");
  });
});
