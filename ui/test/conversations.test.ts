// Rows that are pinned or archived, and messages that are selected.

import { flushSync } from "svelte";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { contacts } from "../src/lib/contacts.svelte";
import { conversations, placed } from "../src/lib/conversations.svelte";
import { History } from "../src/lib/messages.svelte";
import { nav } from "../src/lib/nav.svelte";
import { take } from "../src/lib/node";
import { selecting } from "../src/lib/selecting";
import { Selection } from "../src/lib/selection.svelte";
import ConversationList from "../src/views/ConversationList.svelte";
import ConversationMenu from "../src/views/ConversationMenu.svelte";
import SelectionBar from "../src/views/SelectionBar.svelte";
import { render } from "./render";
import { answers, contact, conversation, message } from "./samples";

const day = (n: number) => message(`m${n}`, { sent: `2026-05-0${n}T10:00:00Z` });
const names = (list: readonly { with?: { account: string } }[]) => list.map((v) => v.with?.account).join(" ");

beforeEach(() => {
  contacts.all = new Map(["a", "b", "c"].map((n) => [n, contact(n)]));
  conversations.list = [conversation("a", { last: day(3) }), conversation("b", { last: day(2) }), conversation("c", { last: day(1) })];
  location.hash = "";
  nav.follow();
});

describe("conversations", () => {
  test("that are pinned come first, and go back to their place", () => {
    take({ type: "row", row: conversation("b", { last: day(2), pinned: true }) });
    expect(names(conversations.rows)).toBe("b a c");
    take({ type: "row", row: conversation("b", { last: day(2) }) });
    expect(names(conversations.rows)).toBe("a b c");
  });

  test("in the archive have a list of their own", () => {
    take({ type: "row", row: conversation("a", { last: day(3), archived: true, unread: 2 }) });
    expect([names(conversations.rows), names(conversations.archived), conversations.byID.has("conv-a")]).toEqual(["b c", "a", true]);
    const box = render(ConversationList, {});
    const entry = () => box.querySelector<HTMLElement>(".archive")!;
    expect(entry().textContent).toMatch(/Archived.*2/s);
    entry().click();
    flushSync();
    expect([location.hash, box.querySelectorAll(".entry").length, box.querySelector("nav")!.getAttribute("aria-label")]).toEqual(["#/archived/", 1, "Archived"]);
    box.querySelector<HTMLElement>(".entry")!.click();
    expect(location.hash).toBe("#/archived/c/conv-a");
    entry().click();
    flushSync();
    expect(box.querySelectorAll(".entry").length).toBe(2);
  });

  test("are placed by their last message among their like", () => {
    const list = conversations.list.map((v, i) => ({ ...v, pinned: i === 0 }));
    expect(names(placed(list.slice(1), { ...list[0]!, pinned: false }))).toBe("a b c");
    expect(names(placed(list, conversation("new")))).toBe("a b c new");
  });

  test("are pinned and archived from their menu", async () => {
    const changes: unknown[] = [];
    answers({ "PATCH /conversations/conv-a": async (r: Request) => (changes.push(await r.json()), conversation("a", { last: day(3), archived: true })) });
    HTMLElement.prototype.showPopover ??= () => {};
    const anchor = document.body.appendChild(document.createElement("button"));
    const box = render(ConversationMenu, { row: conversations.list[0]!, anchor, onclose: () => {} });
    const items = [...box.querySelectorAll<HTMLElement>("[role=menuitem]")];
    expect(items.map((i) => i.textContent)).toEqual(["Pin", "Archive", "Search in this conversation"]);
    items[1]!.click();
    await vi.waitFor(() => expect(names(conversations.rows)).toBe("b c"));
    expect(changes).toEqual([{ archived: true }]);
    const archived = render(ConversationMenu, { row: conversations.archived[0]!, anchor, onclose: () => {} });
    expect(archived.textContent!.trim()).toBe("Take out of the archive Search in this conversation");
  });
});

describe("the selection", () => {
  // Five messages, two of them mine, one deleted.
  function five() {
    const h = new History("conv");
    h.list = [1, 2, 3, 4, 5].map((n) => message(`m${n}`, { mine: n % 2 === 0, deleted: n === 3, sent: `2026-05-0${n}T10:00:00Z` }));
    return { h, s: new Selection(h), ids: (s: Selection) => s.list.map((m) => m.id).join(" ") };
  }

  test("takes ranges, without what is deleted, in the order of the conversation", () => {
    const { h, s, ids } = five();
    s.toggle("m3");
    expect(s.active).toBe(false);
    s.toggle("m4");
    s.extend("m1");
    expect([ids(s), s.mine.map((m) => m.id)]).toEqual(["m1 m2 m4", ["m2", "m4"]]);
    const before = h.list;
    h.list = h.list.slice(2); // scrolled on
    s.toggle("m5");
    expect(ids(s)).toBe("m1 m2 m4 m5");
    h.list = before.with(0, { ...before[0]!, deleted: true });
    expect(ids(s)).toBe("m2 m4 m5");
    ["m2", "m4", "m5"].forEach((id) => s.toggle(id));
    expect([ids(s), s.active]).toEqual(["", false]);
  });

  test("is copied with names and times", () => {
    const { s } = five();
    s.toggle("m1");
    s.toggle("m2");
    expect(s.asText("You", (sent) => sent.slice(0, 10))).toBe("Bob, 2026-05-01\ntext of m1\n\nYou, 2026-05-02\ntext of m2");
  });

  test("deletes one's own after asking once more, and keeps what failed", async () => {
    const { s, ids } = five();
    const asked = answers({ "DELETE /messages/m2": message("m2", { mine: true, deleted: true, sent: "2026-05-02T10:00:00Z" }) });
    ["m1", "m2", "m4"].forEach((id) => s.toggle(id));
    let ended = 0;
    const bar = render(SelectionBar, { selection: s, end: () => ended++ });
    const remove = [...bar.querySelectorAll("button")].at(-1)!;
    expect(remove.textContent!.trim()).toBe("Delete mine (2)");
    remove.click();
    flushSync();
    expect([remove.textContent!.trim(), asked]).toEqual(["Really delete 2 messages", []]);
    remove.click();
    await vi.waitFor(() => expect(nav.trouble).not.toBe(""));
    expect([asked, ids(s), ended]).toEqual([["DELETE /messages/m2", "DELETE /messages/m4"], "m1 m4", 0]);
    nav.trouble = "";
  });

  test("is made with mouse, finger and keys", () => {
    vi.useFakeTimers();
    const { h, s, ids } = five();
    const box = document.body.appendChild(document.createElement("ol"));
    for (const m of h.list) {
      const li = box.appendChild(document.createElement("li"));
      [li.dataset.id, li.tabIndex] = [m.id, -1];
      li.append(document.createElement("a"));
    }
    const end = selecting(s)(box);
    const li = (n: number) => box.children[n - 1] as HTMLElement;
    const click = (on: Element, more: MouseEventInit = {}) => on.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ...more }));
    click(li(1));
    click(li(1).firstChild as Element, { ctrlKey: true }); // a link opens elsewhere
    expect(ids(s)).toBe("");
    click(li(1), { ctrlKey: true });
    click(li(5), { shiftKey: true });
    expect(ids(s)).toBe("m1 m2 m4 m5");
    expect(click(li(2).firstChild as Element)).toBe(false); // nothing else happens then
    expect(ids(s)).toBe("m1 m4 m5");
    s.end();

    const touch = (type: string, more: PointerEventInit = {}) => li(4).dispatchEvent(new PointerEvent(type, { bubbles: true, cancelable: true, pointerType: "touch", isPrimary: true, ...more }));
    touch("pointerdown");
    touch("pointermove", { clientY: 40 }); // that scrolls
    vi.advanceTimersByTime(1000);
    expect(s.active).toBe(false);
    touch("pointerdown");
    vi.advanceTimersByTime(1000);
    touch("pointerup");
    click(li(4)); // lifting the finger
    expect(ids(s)).toBe("m4");
    s.end();

    li(2).focus();
    const key = (on: HTMLElement, key: string, more: KeyboardEventInit = {}) => on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
    key(li(2), "ArrowUp", { shiftKey: true });
    expect([ids(s), document.activeElement === li(1)]).toEqual(["m1 m2", true]);
    key(li(5), " ");
    expect(ids(s)).toBe("m1 m2 m5");
    end();
    vi.useRealTimers();
  });
});
