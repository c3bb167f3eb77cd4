// A message in few words, where it stands on one line: what it shares, and what
// it says.

import { i18n } from "../i18n/index.svelte";
import type { Message } from "./api";
import { plainText } from "./markdown";
import { kindOf, titleOf } from "./media";
import { named } from "./mentions";

// shared names what is shared, and is empty if nothing is.
export function shared(m: Message): string {
  const kind = kindOf(m);
  return kind ? i18n.t.files.named[kind](titleOf(m)) : "";
}

export function summary(m: Message): string {
  const [what, said] = [shared(m), plainText(named(m))];
  return what && said ? `${what}: ${said}` : what || said;
}
