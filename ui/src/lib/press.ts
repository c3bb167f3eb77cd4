// press calls back when something is held under a finger for a while, and keeps
// what a browser would do then to itself. It is an attachment. With lifted it
// waits until the finger is gone, for a popover that opens before would be
// closed by it.

const long = 450; // milliseconds
const far = 10; // pixels
const after = 150; // milliseconds in which a click may follow

export function press(held: (target: HTMLElement) => void, lifted = false) {
  return (box: HTMLElement) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let down: PointerEvent | undefined; // the finger that may be held
    let done = false; // it was, and what follows is swallowed
    let due: (() => void) | undefined; // what waits for the finger to be gone

    function stop() {
      clearTimeout(timer);
      down = due = undefined;
    }
    function hold() {
      if (!down || done) return;
      done = true;
      const target = down.target as HTMLElement;
      if (lifted) due = () => held(target);
      else held(target);
    }
    function release(wait: number) {
      clearTimeout(timer);
      down = undefined;
      timer = setTimeout(() => {
        done = false;
        due?.();
        due = undefined;
      }, wait);
    }
    function swallow(e: Event) {
      if (!done) return;
      e.preventDefault();
      e.stopImmediatePropagation();
    }
    const on: Record<string, (e: PointerEvent) => void> = {
      pointerdown(e) {
        stop();
        done = false;
        if (e.pointerType !== "touch" || !e.isPrimary) return;
        down = e;
        timer = setTimeout(hold, long);
      },
      pointermove(e) {
        if (down && Math.hypot(e.clientX - down.clientX, e.clientY - down.clientY) > far) stop();
      },
      pointerup(e) {
        if (down && e.timeStamp - down.timeStamp >= long) hold(); // a busy page is late with its timers
        release(after);
      },
      pointercancel: stop,
      contextmenu(e) {
        hold(); // if the browser was first to find that it is held
        swallow(e);
      },
      click(e) {
        swallow(e);
        release(0);
      },
    };
    const types = Object.entries(on) as [string, EventListener][];
    for (const [type, react] of types) box.addEventListener(type, react, true);
    return () => {
      stop();
      for (const [type, react] of types) box.removeEventListener(type, react, true);
    };
  };
}
