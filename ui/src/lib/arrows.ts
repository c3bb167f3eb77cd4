// Arrow keys among buttons that stand in rows: to the sides one after the other,
// up and down to the nearest in the next row.

export function toward<T extends { getBoundingClientRect(): DOMRect }>(all: readonly T[], at: number, key: string): T | undefined {
  if (key === "ArrowRight" || key === "ArrowLeft") return all.at((at + (key === "ArrowRight" ? 1 : -1)) % all.length);
  const down = key === "ArrowDown";
  if (!down && key !== "ArrowUp") return undefined;
  const own = all[at]?.getBoundingClientRect();
  if (!own) return all.at(down ? 0 : -1);
  const boxes = all.map((item) => ({ item, box: item.getBoundingClientRect() }));
  const beyond = boxes.filter(({ box }) => (down ? box.top >= own.bottom - 1 : box.bottom <= own.top + 1));
  if (!beyond.length) return all.at(down ? 0 : -1);
  const row = (down ? Math.min : Math.max)(...beyond.map(({ box }) => box.top));
  const middle = (box: DOMRect) => box.left + box.width / 2;
  const near = ({ box }: { box: DOMRect }) => Math.abs(middle(box) - middle(own));
  return beyond.filter(({ box }) => Math.abs(box.top - row) < box.height / 2).reduce((best, one) => (near(one) < near(best) ? one : best)).item;
}
