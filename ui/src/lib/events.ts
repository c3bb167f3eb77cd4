// What happens at the node, as one stream that is taken up again where it was
// lost. The node answers with a notice of type "reset" where it no longer
// knows that place, and all has to be loaded again.

import { base, type Notice } from "./api";

export interface Listener {
  // opened is called each time the stream is open. With a gap, something may
  // have happened before that was not told, so all has to be loaded.
  opened(gap: boolean): void;
  lost(): void;
  // notice is told of one thing that happened; the stream goes on after its ID.
  notice(n: Notice, id: string): void;
}

const firstWait = 500;
const longestWait = 5000;

// listen follows the stream, from after the notice `last` on if that is known,
// until the function that it gives is called.
export function listen(listener: Listener, last = ""): () => void {
  let wait = firstWait;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let source: EventSource | undefined;

  function connect() {
    source = new EventSource(`${base}/events${last && `?after=${encodeURIComponent(last)}`}`);
    source.onopen = () => {
      wait = firstWait;
      listener.opened(!last);
    };
    source.onmessage = (e) => {
      if (e.lastEventId) last = e.lastEventId;
      listener.notice(JSON.parse(e.data) as Notice, last);
    };
    source.onerror = () => {
      // The browser's own waiting differs and ends at a refusal.
      source?.close();
      listener.lost();
      timer = setTimeout(connect, wait);
      wait = Math.min(wait * 2, longestWait);
    };
  }
  const now = () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    clearTimeout(timer);
    connect();
  };
  connect();
  globalThis.addEventListener?.("online", now);
  return () => {
    clearTimeout(timer);
    source?.close();
    globalThis.removeEventListener?.("online", now);
  };
}
