// The API of one's own Kith, and what happens there.

const base = "/api/v1";

// A Failure is an answer that is not a success: its message is a sentence to
// show, its kind is stable.
export class Failure extends Error {
  constructor(kind, detail) {
    super(detail.charAt(0).toUpperCase() + detail.slice(1));
    this.kind = kind;
  }
}

// call asks the API. Path segments are escaped by at.
export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(base + path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Failure("unreachable", "Kith does not answer. Is it still running?");
  }
  if (answer.status === 401) {
    location.reload(); // the page then says how to log in
    throw new Failure("forbidden", "This browser is not logged in any more.");
  }
  if (answer.ok) return answer.status === 204 ? undefined : answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Failure(problem.kind ?? "internal", problem.detail ?? `Kith answered ${answer.status}.`);
}

// at makes a path of segments.
export const at = (...segments) => "/" + segments.map(encodeURIComponent).join("/");

// listen follows what happens. opened is called whenever the stream is open:
// all has to be loaded then. EventSource takes a lost connection up again by
// itself, unless it was refused; then it is tried again here.
export function listen({ opened, notice, lost }) {
  const source = new EventSource(base + "/events");
  source.onopen = opened;
  source.onmessage = (e) => notice(JSON.parse(e.data));
  source.onerror = () => {
    lost();
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      setTimeout(() => listen({ opened, notice, lost }), 3000);
    }
  };
}
