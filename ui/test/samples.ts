import type { Contact, Conversation, Message } from "../src/lib/api";

export const message = (id: string, more: Partial<Message> = {}): Message => ({
  id, conversation: "conv", from: "bob", from_name: "Bob", mine: false, text: `text of ${id}`, sent: "2026-05-04T10:00:00Z",
  state: "delivered", edited: false, deleted: false, reactions: [], ...more,
});

export const contact = (account: string, more: Partial<Contact> = {}): Contact => ({
  account, conversation: `conv-${account}`, name: account, own_name: account, petname: "", relation: "accepted", connection: "connected",
  blocked: false, devices: [], ...more,
});

export const conversation = (account: string, more: Partial<Conversation> = {}): Conversation => ({
  id: `conv-${account}`, with: contact(account), unread: 0, typing: false, ...more,
});

// answers makes fetch answer by path; a function gets the request.
export function answers(table: Record<string, unknown | ((r: Request) => unknown)>) {
  const asked: string[] = [];
  globalThis.fetch = (async (input: Request) => {
    const url = new URL(input.url);
    const path = `${input.method} ${url.pathname.replace("/api/v1", "")}`;
    asked.push(path + url.search);
    const entry = table[path];
    if (entry === undefined) return Response.json({ kind: "not_found", detail: `nothing at ${path}` }, { status: 404 });
    const body = typeof entry === "function" ? await entry(input) : entry;
    return body === null ? new Response(null, { status: 204 }) : Response.json(body);
  }) as typeof fetch;
  return asked;
}
