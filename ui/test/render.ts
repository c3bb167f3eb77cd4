// Puts a component into the document, and takes it out after the test.
import { flushSync, mount, unmount, type Component } from "svelte";

const mounted: Record<string, unknown>[] = [];

export function render<P extends Record<string, unknown>>(component: Component<P>, props: P): HTMLElement {
  const target = document.body.appendChild(document.createElement("div"));
  mounted.push(mount(component, { target, props }));
  flushSync();
  return target;
}

export async function cleanup() {
  for (const component of mounted.splice(0)) await unmount(component);
  document.body.replaceChildren();
}
