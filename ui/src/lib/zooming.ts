// Wheel, fingers and mouse on something that can be enlarged. It is an
// attachment; who uses it gives the view and takes the new one.

import { fitted, held, swipe, whole, zoom, type Swipe, type View } from "./zoom";

export interface Zoomed {
  view: View;
  size: readonly [number, number]; // of the picture, as far as it is known
  swiped(what: NonNullable<Swipe>): void;
}

const distance = (a: PointerEvent, b: PointerEvent) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);

export function zooming(on: Zoomed) {
  return (box: HTMLElement) => {
    const fingers = new Map<number, PointerEvent>();
    let begun: PointerEvent | undefined; // of one finger alone

    const room = (): [number, number] => [box.clientWidth, box.clientHeight];
    const put = (v: View) => (on.view = held(v, fitted(...(on.size as [number, number]), ...room()), room()));
    const at = (e: { clientX: number; clientY: number }): [number, number] => {
      const r = box.getBoundingClientRect();
      return [e.clientX - r.left - r.width / 2, e.clientY - r.top - r.height / 2];
    };
    const ours = (e: Event) => !(e.target as Element).closest("button, a, video, audio");

    const react: Record<string, (e: never) => void> = {
      wheel(e: WheelEvent) {
        e.preventDefault();
        put(zoom(on.view, Math.exp(-Math.max(-60, Math.min(60, e.deltaY)) / 180), at(e)));
      },
      dblclick(e: MouseEvent) {
        if (ours(e)) put(on.view.scale > 1 ? whole : zoom(on.view, 2.5, at(e)));
      },
      pointerdown(e: PointerEvent) {
        if (!ours(e) || (e.pointerType === "mouse" && e.button !== 0)) return;
        box.setPointerCapture(e.pointerId);
        fingers.set(e.pointerId, e);
        begun = fingers.size === 1 ? e : undefined;
      },
      pointermove(e: PointerEvent) {
        const before = fingers.get(e.pointerId);
        if (!before) return;
        const other = [...fingers.values()].find((f) => f.pointerId !== e.pointerId);
        fingers.set(e.pointerId, e);
        if (other) {
          const middle = { clientX: (e.clientX + other.clientX) / 2, clientY: (e.clientY + other.clientY) / 2 };
          put(zoom(on.view, distance(e, other) / Math.max(1, distance(before, other)), at(middle)));
        } else if (on.view.scale > 1) {
          put({ ...on.view, x: on.view.x + e.clientX - before.clientX, y: on.view.y + e.clientY - before.clientY });
        }
      },
      pointerup(e: PointerEvent) {
        if (!fingers.delete(e.pointerId)) return;
        const from = begun;
        begun = undefined;
        if (!from || from.pointerId !== e.pointerId || on.view.scale > 1 || e.pointerType === "mouse") return;
        const what = swipe(e.clientX - from.clientX, e.clientY - from.clientY, e.timeStamp - from.timeStamp);
        if (what) on.swiped(what);
      },
      pointercancel(e: PointerEvent) {
        fingers.delete(e.pointerId);
        begun = undefined;
      },
    };
    const list = Object.entries(react) as unknown as [string, EventListener][];
    for (const [type, listener] of list) box.addEventListener(type, listener, { passive: false });
    return () => list.forEach(([type, listener]) => box.removeEventListener(type, listener));
  };
}
