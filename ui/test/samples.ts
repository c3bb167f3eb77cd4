import type { Contact, Conversation, Hub, HubNotice, Member, Message, SharedFile, Sphere, Transfer } from "../src/lib/api";

export const message = (id: string, more: Partial<Message> = {}): Message => ({
  id, conversation: "conv", from: "bob", from_name: "Bob", mine: false, text: `text of ${id}`, sent: "2026-05-04T10:00:00Z", order: Number(/\d+$/.exec(id)?.[0] ?? 0),
  state: "delivered", edited: false, deleted: false, reactions: [], mentions: [], mentions_me: false, ...more,
});

export const contact = (account: string, more: Partial<Contact> = {}): Contact => ({
  account, conversation: `conv-${account}`, name: account, own_name: account, petname: "", relation: "accepted", connection: "connected",
  blocked: false, devices: [], key: { fingerprint: "03ab 9f10", state: "intact", reason: "" }, ...more,
});

export const conversation = (account: string, more: Partial<Conversation> = {}): Conversation => ({
  id: `conv-${account}`, name: account, with: contact(account), unread: 0, typing: false, pinned: false, archived: false, mentioned: 0, ...more,
});

export const member = (account: string, more: Partial<Member> = {}): Member => ({
  account, name: account, me: false, role: "member", relation: "accepted", connection: "disconnected", since: "2026-05-04T10:00:00Z",
  may_remove: false, may_mute: false, may_promote: false, may_demote: false, may_hand_over: false, ...more,
});

export const sphere = (id: string, more: Partial<Sphere> = {}): Sphere => ({
  id, name: id, about: "", public: false, full_history: false, state: "member", role: "creator", invited: [], linked: 0,
  members: [member("me", { me: true, role: "creator", connection: "connected" }), member("bob"), member("carl", { name: "Carl", relation: "fellow" })], ...more,
});

export const hub = (name: string, more: Partial<Hub> = {}): Hub => ({
  url: `https://${name}`, name, own: true, phase: "connected", reason: `Connected to the hub ${name}.`, since: "2026-05-04T10:00:00Z", parts: ["meet", "mailbox"],
  device: "4mnti3p7q2xzabcd", notices: [], ...more,
});

export const hubNotice = (name: string, id: number, more: Partial<HubNotice> = {}): HubNotice => ({
  hub: name, id, at: `2026-05-04T10:00:0${id}Z`, to_you: false, text: `word ${id}`, ...more,
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

export const transfer = (state: Transfer["state"], more: Partial<Transfer> = {}): Transfer => ({ state, own: false, done: 0, total: 1_000_000, down: 0, up: 0, from: [], ...more });

// share is a message with a file.
export const share = (id: string, file: Partial<SharedFile> = {}, more: Partial<Message> = {}): Message =>
  message(id, { text: "", file: { name: "a.bin", path: file.name ?? "a.bin", size: 1_000_000, files: 1, folder: false, type: "", preview: false, kept: [], transfer: transfer("complete"), ...file }, ...more });
