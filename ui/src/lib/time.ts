// How times are written. locale is a language of the page.

const cache = new Map<string, Intl.DateTimeFormat>();

function format(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + JSON.stringify(options);
  let f = cache.get(key);
  if (!f) cache.set(key, (f = new Intl.DateTimeFormat(locale, options)));
  return f;
}

// dayNumber counts days in this machine's time zone.
export const dayNumber = (t: Date) => Math.round(new Date(t.getFullYear(), t.getMonth(), t.getDate()).getTime() / 86_400_000);

// sameDay compares in this machine's time zone.
export const sameDay = (a: string, b: string) => dayNumber(new Date(a)) === dayNumber(new Date(b));

export const hour = (locale: string, t: string) => format(locale, { hour: "2-digit", minute: "2-digit" }).format(new Date(t));

export const full = (locale: string, t: string) => format(locale, { dateStyle: "full", timeStyle: "short" }).format(new Date(t));

// day is "today", "yesterday", the weekday within a week, or the date.
export function day(locale: string, t: string, now: number): string {
  const date = new Date(t);
  const ago = dayNumber(new Date(now)) - dayNumber(date);
  if (ago === 0 || ago === 1) return capital(new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-ago, "day"));
  if (ago > 1 && ago < 7) return capital(format(locale, { weekday: "long" }).format(date));
  const sameYear = date.getFullYear() === new Date(now).getFullYear();
  return capital(format(locale, { weekday: "long", day: "numeric", month: "long", ...(!sameYear && { year: "numeric" }) }).format(date));
}

// short fits into a row of the list: the hour today, else a short date.
export function short(locale: string, t: string, now: number): string {
  const date = new Date(t);
  const ago = dayNumber(new Date(now)) - dayNumber(date);
  if (ago === 0) return hour(locale, t);
  if (ago > 0 && ago < 7) return format(locale, { weekday: "short" }).format(date);
  const sameYear = date.getFullYear() === new Date(now).getFullYear();
  return format(locale, { day: "numeric", month: "short", ...(!sameYear && { year: "2-digit" }) }).format(date);
}

// left is how long until t, in its two largest units: "1 h 5 min".
export function left(t: string, now: number): string {
  const minutes = Math.max(1, Math.ceil((new Date(t).getTime() - now) / 60_000));
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
}

const capital = (s: string) => s.charAt(0).toLocaleUpperCase() + s.slice(1);

// span is some seconds in the largest unit or two: "40 s", "1 h 5 min".
export function span(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s`;
  return left(new Date(seconds * 1000).toISOString(), 0);
}

// clockTime is a place in a film or sound: "1:05", "1:02:03".
export function clockTime(ms: number): string {
  const s = Math.floor(ms / 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  return `${h ? `${h}:${two(Math.floor(s / 60) % 60)}` : Math.floor(s / 60)}:${two(s % 60)}`;
}
