// How messages are selected with mouse, finger and keys. It is an attachment of
// the element around the list of messages.

import { press } from "./press";
import type { Selection } from "./selection.svelte";

const lineOf = (target: EventTarget | null) => (target instanceof Element ? target.closest<HTMLElement>("li[data-id]") : null);

export function selecting(selection: Selection) {
  function click(e: MouseEvent) {
    const id = lineOf(e.target)?.dataset.id;
    if (!id) return;
    const target = e.target as Element;
    if (!selection.active && !((e.ctrlKey || e.metaKey) && !target.closest("a, button"))) return;
    if (e.shiftKey) selection.extend(id);
    else selection.toggle(id);
    e.stopPropagation();
    if (!target.matches("input")) e.preventDefault(); // the box has changed by itself
  }

  // key is called before the list hears of it.
  function key(e: KeyboardEvent) {
    const li = lineOf(e.target);
    if (!li || e.target !== li || e.ctrlKey || e.metaKey || e.altKey) return;
    const to = e.shiftKey && { ArrowUp: li.previousElementSibling, ArrowDown: li.nextElementSibling }[e.key];
    if (to instanceof HTMLElement) {
      if (!selection.active) selection.toggle(li.dataset.id!);
      to.focus();
      selection.extend(to.dataset.id!);
    } else if (e.key === " " || (e.key === "Enter" && selection.active)) selection.toggle(li.dataset.id!);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  return (box: HTMLElement) => {
    const unpress = press((target) => {
      const id = lineOf(target)?.dataset.id;
      if (id && !selection.active) selection.toggle(id);
    })(box);
    box.addEventListener("click", click, true);
    box.addEventListener("keydown", key, true);
    return () => {
      unpress();
      box.removeEventListener("click", click, true);
      box.removeEventListener("keydown", key, true);
    };
  };
}
