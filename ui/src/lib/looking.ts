// Whether the page is looked at, in this tab or another one of this browser: a
// tab that is holds a lock that all can see.

const name = "kith.looking";
const changes = ["focus", "blur", "visibilitychange"];

let release = () => {};

const here = () => document.visibilityState === "visible" && document.hasFocus();

function note() {
  release();
  if (!here()) return;
  const held = new Promise<void>((end) => (release = end));
  void navigator.locks?.request(name, { mode: "shared" }, () => held);
}

export function watchLooking(): () => void {
  for (const type of changes) addEventListener(type, note);
  note();
  return () => {
    for (const type of changes) removeEventListener(type, note);
    release();
  };
}

export async function lookedAt(): Promise<boolean> {
  if (here() || !navigator.locks) return here();
  return (await navigator.locks.query()).held?.some((lock) => lock.name === name) ?? false;
}
