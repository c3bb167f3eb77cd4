// The stream of events, alone and shared between tabs.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { listen, type Listener } from "../src/lib/events";
import { share } from "../src/lib/tabs";

class Source {
  static all: Source[] = [];
  readyState = 0;
  onopen?: () => void;
  onerror?: () => void;
  onmessage?: (e: { data: string; lastEventId: string }) => void;
  constructor(readonly url: string) {
    Source.all.push(this);
  }
  close() {
    this.readyState = 2;
  }
}

const latest = () => Source.all.at(-1)!;
const said = (type: string, id: string) => latest().onmessage!({ data: JSON.stringify({ type }), lastEventId: id });

// A listener that writes down what it hears.
function listener() {
  const heard: unknown[] = [];
  const to: Listener = { opened: (gap) => heard.push(gap ? "opened, load all" : "opened"), lost: () => heard.push("lost"), notice: (n, id) => heard.push(`${n.type} ${id}`) };
  return { heard, to };
}

beforeEach(() => {
  Source.all = [];
  vi.stubGlobal("EventSource", Source);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the stream goes on where it was lost, waiting longer each time", () => {
  vi.useFakeTimers();
  const { heard, to } = listener();
  const end = listen(to);
  latest().onopen!();
  said("me", "k-7");
  latest().onerror!();
  expect(Source.all.length).toBe(1);
  vi.advanceTimersByTime(500);
  expect(latest().url).toBe("/api/v1/events?after=k-7");
  latest().onerror!();
  vi.advanceTimersByTime(999);
  expect(Source.all.length).toBe(2);
  vi.advanceTimersByTime(1);
  latest().onopen!();
  expect(heard).toEqual(["opened, load all", "me k-7", "lost", "lost", "opened"]);
  latest().onerror!();
  end();
  vi.advanceTimersByTime(60_000);
  expect(Source.all.length).toBe(3);
});

// What tabs share: the browser's locks and a channel that delivers at once.
function browser() {
  const queue: (() => void)[] = [];
  let held = false;
  const next = () => (held = !!queue.length, queue.shift()?.());
  vi.stubGlobal("navigator", {
    locks: {
      request: (_: string, { signal }: { signal: AbortSignal }, work: () => Promise<void>) =>
        new Promise<void>((done, failed) => {
          const run = () => (signal.aborted ? next() : void work().then(done).then(next));
          signal.addEventListener("abort", () => failed(new Error("aborted")));
          if (held) queue.push(run);
          else (held = true), run();
        }),
    },
  });
  const channels = new Set<{ onmessage?: (e: { data: unknown }) => void }>();
  vi.stubGlobal("BroadcastChannel", class {
    onmessage?: (e: { data: unknown }) => void;
    constructor() {
      channels.add(this);
    }
    postMessage(data: unknown) {
      for (const other of channels) if (other !== this) other.onmessage?.({ data });
    }
    close() {
      channels.delete(this);
    }
  });
}

test("tabs share one stream, and another one leads when the leader is gone", async () => {
  browser();
  const [a, b, c] = [listener(), listener(), listener()];
  const endA = share(a.to);
  const endB = share(b.to);
  expect(Source.all.length).toBe(1);
  latest().onopen!(); // tells those who wait
  expect([a.heard, b.heard]).toEqual([["opened, load all"], ["opened, load all"]]);
  said("me", "k-1");
  const endC = share(c.to); // is told how things stand
  said("me", "k-2");
  expect(b.heard.slice(1)).toEqual(["me k-1", "me k-2"]);
  expect(c.heard).toEqual(["opened, load all", "me k-2"]);

  endA();
  await vi.waitFor(() => expect(Source.all.length).toBe(2));
  expect([Source.all[0]!.readyState, latest().url]).toEqual([2, "/api/v1/events?after=k-2"]);
  latest().onopen!();
  said("me", "k-3");
  expect([a.heard.slice(3), b.heard.slice(3), c.heard.slice(2)]).toEqual([[], ["opened", "me k-3"], ["opened", "me k-3"]]);
  endB();
  endC();
});

test("each tab knows that the node is away, those that come then too", () => {
  vi.useFakeTimers();
  browser();
  const [a, b] = [listener(), listener()];
  const ends = [share(a.to)];
  latest().onopen!();
  said("me", "k-1");
  latest().onerror!();
  ends.push(share(b.to));
  expect(b.heard).toEqual(["lost"]);
  vi.advanceTimersByTime(500);
  latest().onopen!();
  // The new one has nothing yet, so it loads all.
  expect([a.heard.at(-1), b.heard.at(-1)]).toEqual(["opened", "opened, load all"]);
  ends.forEach((end) => end());
});

test("without locks a tab listens for itself", () => {
  vi.stubGlobal("navigator", {});
  const { heard, to } = listener();
  const end = share(to);
  latest().onopen!();
  expect(heard).toEqual(["opened, load all"]);
  end();
  expect(latest().readyState).toBe(2);
});
