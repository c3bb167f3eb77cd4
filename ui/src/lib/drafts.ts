// What was typed and not sent yet, kept in the browser per conversation.

export interface Draft {
  text: string;
  reply?: string; // the ID of the message that it answers
}

const key = (conversation: string) => `kith.draft.${conversation}`;

export function loadDraft(conversation: string): Draft {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key(conversation)) ?? "");
    if (kept && typeof kept === "object" && "text" in kept && typeof kept.text === "string") return kept as Draft;
  } catch {
    // none, or none that makes sense
  }
  return { text: "" };
}

export function saveDraft(conversation: string, draft: Draft) {
  try {
    if (draft.text || draft.reply) localStorage.setItem(key(conversation), JSON.stringify(draft));
    else localStorage.removeItem(key(conversation));
  } catch {
    // The browser keeps nothing, or is full: the text is still in its field.
  }
}
