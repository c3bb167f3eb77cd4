// Which of the messages that are held are in the document.

export interface Slice {
  from: number;
  to: number; // after the last
}

const some = 30; // to begin with

// slice finds the messages from start to end, or to the last one if end is not
// given. If they are gone, or what is wished for is not among them, it begins
// anew: around that, or at the end.
export function slice(list: readonly { id: string }[], start: string | undefined, end: string | undefined, wish?: { id?: string; where: string }): Slice {
  const at = (id: string | undefined) => (id === undefined ? -1 : list.findIndex((m) => m.id === id));
  const from = at(start);
  const to = end === undefined ? list.length : at(end) + 1;
  const wanted = wish?.where === "end" ? list.length - 1 : at(wish?.id);
  if (from >= 0 && to > from && (wanted < 0 || (wanted >= from && wanted < to))) return { from, to };
  if (wanted < 0) return { from: Math.max(0, list.length - some), to: list.length };
  return { from: Math.max(0, wanted - some / 2), to: Math.min(list.length, wanted + some) };
}
