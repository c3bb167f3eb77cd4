// One stream of events for all tabs. A browser opens six connections to a host,
// and a stream holds one as long as its tab is open: the seventh tab would not
// even load. So one tab leads: it holds a lock of the browser, follows the node
// and tells the others. When it is gone, even by a crash, the browser gives the
// lock to another tab, which goes on after the last notice that it was told.

import type { Notice } from "./api";
import { listen, type Listener } from "./events";

const name = "kith.events";

type Word =
  | { kind: "hello" } // from a tab that is new: how do things stand?
  | { kind: "so"; open: boolean; last: string } // the answer to it
  | { kind: "opened"; gap: boolean }
  | { kind: "lost" }
  | { kind: "notice"; notice: Notice; id: string };

// share follows the stream together with the other tabs, until the function
// that it gives is called.
export function share(listener: Listener): () => void {
  if (!navigator.locks || !("BroadcastChannel" in globalThis)) return listen(listener);

  const others = new BroadcastChannel(name);
  const tell = (word: Word) => others.postMessage(word);
  let last = "";
  let begun = false; // whether this tab was ever told to load
  let leading = false;
  let open: boolean | undefined; // as the leader knows it

  const here: Listener = {
    opened(gap) {
      open = true;
      listener.opened(gap || !begun);
      begun = true;
    },
    lost() {
      open = false;
      listener.lost();
    },
    notice(n, id) {
      last = id;
      listener.notice(n, id);
    },
  };

  others.onmessage = ({ data: word }: MessageEvent<Word>) => {
    if (word.kind === "hello") {
      // If it is not known yet, it is told to all as soon as it is.
      if (leading && open !== undefined) tell({ kind: "so", open, last });
    } else if (leading) return; // a late word of the leader before
    else if (word.kind === "so") {
      if (begun || open === word.open) return; // another tab has asked
      last = word.last;
      if (word.open) here.opened(true);
      else here.lost();
    } else if (word.kind === "opened") here.opened(word.gap);
    else if (word.kind === "lost") here.lost();
    else here.notice(word.notice, word.id);
  };
  tell({ kind: "hello" });

  const ended = new AbortController();
  const lead = () =>
    new Promise<void>((end) => {
      leading = true;
      const stop = listen(
        {
          opened: (gap) => (here.opened(gap), tell({ kind: "opened", gap })),
          lost: () => (here.lost(), tell({ kind: "lost" })),
          notice: (notice, id) => (here.notice(notice, id), tell({ kind: "notice", notice, id })),
        },
        last,
      );
      ended.signal.addEventListener("abort", () => (stop(), end()));
    });
  navigator.locks.request(name, { signal: ended.signal }, lead).catch(() => {}); // ended while waiting
  return () => {
    ended.abort();
    others.close();
  };
}
