// What happens at the node, as one stream that is taken up again where it was
// lost. The node answers with a notice of type "reset" where it no longer
// knows that place, and all has to be loaded again.

import { base, type Notice } from "./api";

export interface Listener {
  // opened is called each time the stream is open. fresh says that nothing was
  // received before, so all has to be loaded.
  opened(fresh: boolean): void;
  lost(): void;
  notice(n: Notice): void;
}

const firstWait = 500;
const longestWait = 5000;

// listen follows the stream until the function that it gives is called.
export function listen(listener: Listener, open = (url: string) => new EventSource(url)): () => void {
  let last = "";
  let wait = firstWait;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let source: EventSource | undefined;
  let fresh = true;

  function connect() {
    source = open(`${base}/events${last && `?after=${encodeURIComponent(last)}`}`);
    source.onopen = () => {
      wait = firstWait;
      // Without an ID to go on from, what happened meanwhile is not known.
      listener.opened(fresh || !last);
      fresh = false;
    };
    source.onmessage = (e) => {
      if (e.lastEventId) last = e.lastEventId;
      listener.notice(JSON.parse(e.data) as Notice);
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
