// How a picture is enlarged and moved about: pure arithmetic. A place is in
// pixels from the middle of the window; x and y are how far the picture's
// middle is from there.

export interface View {
  scale: number; // 1: all of it is in sight
  x: number;
  y: number;
}

export const whole: View = { scale: 1, x: 0, y: 0 };
const most = 12;

// zoom enlarges around a place, which stays where it is.
export function zoom(v: View, by: number, [px, py]: [number, number] = [0, 0]): View {
  const scale = Math.min(most, Math.max(1, v.scale * by));
  const k = scale / v.scale;
  return scale === 1 ? whole : { scale, x: px - (px - v.x) * k, y: py - (py - v.y) * k };
}

// held keeps a picture of some size from being moved out of the window.
export function held(v: View, [width, height]: [number, number], [w, h]: [number, number]): View {
  const far = (size: number, window: number) => Math.max(0, (size * v.scale - window) / 2);
  const [fx, fy] = [far(width, w), far(height, h)];
  return { scale: v.scale, x: Math.min(fx, Math.max(-fx, v.x)), y: Math.min(fy, Math.max(-fy, v.y)) };
}

// fitted is the size of a picture that is shown whole.
export function fitted(width: number, height: number, w: number, h: number): [number, number] {
  if (!(width > 0 && height > 0)) return [w, h];
  const k = Math.min(w / width, h / height);
  return [width * k, height * k];
}

export type Swipe = "next" | "previous" | "close" | undefined;

// swipe is what a finger meant that went so far in some milliseconds.
export function swipe(dx: number, dy: number, ms: number): Swipe {
  const fast = ms < 300 ? 40 : 90;
  if (Math.abs(dx) > fast && Math.abs(dx) > 2 * Math.abs(dy)) return dx < 0 ? "next" : "previous";
  return dy > 1.5 * fast && dy > 2 * Math.abs(dx) ? "close" : undefined;
}
