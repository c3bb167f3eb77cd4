// Keeps what one reads where it is, while rows come and go around it.
//
// Only some rows are in the document. In place of the others there is room: so
// much of it above and below them as the others would take, as far as one can
// know. What comes in above takes its height from the room, and what goes gives
// it back, so the place to which one has scrolled need not change: a browser
// that is told a new one in the middle of a movement ends the movement.
//
//	┌ above ┐  room for what is before
//	│       │
//	├ list ─┤  rows
//	│ ┌───┐ │
//	│ │box│ │  what one sees
//	│ └───┘ │
//	├ below ┤
//	└───────┘

// mostRoom is in pixels; browsers end at 17 millions or a bit more.
const mostRoom = 6_000_000;
const usual = 64; // height of a row, until one was measured

export class Scroller {
  #row = usual; // the height of a row, on average
  #room = 0; // the height of above
  // The row that one reads: how far it is from the top of all that can be
  // scrolled.
  #anchor: { row: HTMLElement; top: number } | undefined;
  #noted = 0;
  #rows: HTMLCollectionOf<HTMLElement>;

  constructor(readonly box: HTMLElement, readonly above: HTMLElement, readonly list: HTMLElement, readonly below: HTMLElement) {
    this.#rows = list.children as HTMLCollectionOf<HTMLElement>;
  }

  // top and bottom are the distances from the edges of what one sees to the
  // first and the last row; negative if there is something missing.
  get top() {
    return this.box.getBoundingClientRect().top - this.list.getBoundingClientRect().top;
  }
  get bottom() {
    return this.list.getBoundingClientRect().bottom - this.box.getBoundingClientRect().bottom;
  }

  // left is how far it is to the end.
  get left() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight;
  }

  // within gives how many rows end above some line, in pixels from the top of
  // what one sees.
  within(line: number): number {
    const edge = this.box.getBoundingClientRect().top + line;
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle]!.getBoundingClientRect().bottom <= edge) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // leaving tells that one has scrolled up, of which the browser has not told
  // yet.
  get leaving() {
    return this.#at() < this.#noted - 1;
  }

  // shifted tells that heights have changed, of which the browser has not told
  // yet: it tells of movements first.
  get shifted() {
    return !!this.#anchor?.row.isConnected && Math.abs(this.#place(this.#anchor.row) - this.#anchor.top) >= 0.5;
  }

  // note remembers where one is. It is called after each movement.
  note() {
    const i = Math.min(this.within(0), this.#rows.length - 1);
    const [first, next] = [this.#rows[i], this.#rows[i + 1]];
    // Rather one that begins in sight than the rest of one.
    const { scrollTop, clientHeight } = this.box;
    const row = first && next && this.#place(first) < scrollTop && this.#place(next) < scrollTop + clientHeight / 2 ? next : first;
    this.#anchor = row && { row, top: this.#place(row) };
    this.#noted = this.box.scrollTop;
  }

  // hold is called after the rows have changed, or their heights: what one
  // reads goes back to where it was. before and after tell how many rows are
  // not in the document.
  hold(before: number, after: number) {
    const at = this.#at();
    this.#measure();
    const moved = this.#anchor?.row.isConnected ? this.#place(this.#anchor.row) - this.#anchor.top : 0;
    this.#make(at, this.#room - moved, before, after);
    this.note();
  }

  // put brings a row into view. here means at the top of what one sees, without
  // a change of the place to which one has scrolled.
  put(row: HTMLElement, where: "middle" | "top" | "here", before: number, after: number) {
    const at = this.#at();
    this.#measure();
    if (where === "here") {
      this.#make(at, this.#room - (this.#place(row) - at), before, after);
    } else {
      this.#resize(this.#size(before), after);
      const { clientHeight } = this.box;
      const height = row.getBoundingClientRect().height;
      this.box.scrollTop = this.#place(row) - (where === "top" || height > clientHeight ? 48 : (clientHeight - height) / 2);
    }
    this.note();
  }

  // toEnd scrolls to the end of the last row.
  toEnd(before: number) {
    this.#measure();
    this.#resize(this.#size(before), 0);
    this.box.scrollTop = this.box.scrollHeight;
    this.note();
  }

  // settle is called when nothing moves: the room becomes what it should be.
  settle(before: number, after: number) {
    const change = this.#size(before) - this.#room;
    if (before === 0 || Math.abs(change) < 200) return;
    const at = this.#at();
    this.#resize(this.#size(before), after);
    this.box.scrollTop = at + change;
    this.note();
  }

  // guess tells how many rows come before the place to which one has scrolled,
  // if that is in the room. At the end it is all of them.
  guess(before: number, after: number): number | undefined {
    const { scrollTop, clientHeight } = this.box;
    if (before > 0 && this.top < -clientHeight) return Math.floor((before * scrollTop) / this.#room);
    if (after > 0 && this.bottom < -clientHeight) {
      const part = this.left < 8 ? 1 : Math.min(1, (-this.bottom - clientHeight) / this.below.offsetHeight);
      return before + this.#rows.length + Math.floor(after * part);
    }
    return undefined;
  }

  #size(rows: number) {
    return rows * Math.min(this.#row, mostRoom / Math.max(1, rows));
  }

  #place(row: HTMLElement) {
    return row.getBoundingClientRect().top - this.box.getBoundingClientRect().top + this.box.scrollTop;
  }

  #measure() {
    const count = this.#rows.length;
    // Slowly, so that a few long messages do not make all look long.
    if (count >= 10) this.#row += (this.list.offsetHeight / count - this.#row) * (this.#room ? 0.1 : 1);
  }

  // #at is the place to which one has scrolled. When rows went, what is left
  // may have been too short for a moment, and the browser gone back to its end.
  #at() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    return scrollTop < this.#noted && scrollTop > scrollHeight - clientHeight - 2 ? this.#noted : scrollTop;
  }

  // #make gives the room above a height, and leaves one where one was. Where
  // that height is not possible, the place changes by what is missing.
  #make(at: number, room: number, before: number, after: number) {
    let wanted = room;
    if (before === 0) wanted = 0;
    else if (room < 1) wanted = this.#size(before);
    this.#resize(wanted, after);
    const to = at + wanted - room;
    if (Math.abs(this.box.scrollTop - to) >= 0.5) this.box.scrollTop = to;
  }

  #resize(room: number, after: number) {
    if (this.#room !== room) this.above.style.height = `${(this.#room = room)}px`;
    const below = `${Math.round(this.#size(after))}px`;
    if (this.below.style.height !== below) this.below.style.height = below;
  }
}
