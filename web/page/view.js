// What things look like. Every text that somebody wrote is set as text, never
// as markup, and isolated so that its direction does not spill over.

// element makes one: attributes that are functions are listeners.
export function element(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") e.addEventListener(key, value);
    else if (value !== undefined && value !== false) e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children.filter((c) => c !== undefined && c !== ""));
  return e;
}

export const isolated = (text) => element("bdi", {}, text);

// place makes parent hold exactly these elements, touching only what differs:
// selection, scrolling and screen readers notice the rest no more than people.
export function place(parent, elements) {
  elements.forEach((e, i) => {
    if (parent.children[i] !== e) parent.insertBefore(e, parent.children[i] ?? null);
  });
  while (parent.children.length > elements.length) parent.lastElementChild.remove();
}

// A cache makes the element of a value again only when the value changed.
export function cache(make) {
  let kept = new Map();
  return (values, key, ...more) => {
    const next = new Map();
    for (const value of values) {
      const text = JSON.stringify([value, ...more]);
      const old = kept.get(key(value));
      next.set(key(value), old?.text === text ? old : { text, element: make(value, ...more) });
    }
    kept = next;
    return [...next.values()].map((v) => v.element);
  };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export const dayOf = (message) => day.format(new Date(message.sent));
export const moment = (time) => `${day.format(new Date(time))}, ${clock.format(new Date(time))}`;

function when(time) {
  const date = new Date(time);
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : short.format(date);
}

const connections = { connected: "Connected", connecting: "Connecting", blocked: "Blocked", disconnected: "Not connected" };

// standing says how things are with a contact, in one sentence.
export function standing(contact, status) {
  if (contact.relation === "asked") return "Has not accepted yet";
  if (contact.relation === "removed") return "Not a contact any more";
  let text = connections[contact.connection];
  if (contact.connection === "blocked") {
    text += contact.blocked_until ? ` until ${moment(contact.blocked_until)}` : " for good";
  } else if (contact.connection !== "connected") {
    const reason = status?.ways?.find((w) => !w.working)?.reason;
    if (reason) text += `: ${reason}`;
    else if (contact.last_seen) text += `, last seen ${when(contact.last_seen)}`;
  }
  return text;
}

const dot = (contact) => element("span", { class: `dot ${contact.connection}`, "aria-hidden": "true" });

// row is a person in the list, with the last that was said.
export function row({ contact, conversation, status, current }, choose) {
  const last = conversation?.last;
  const preview = conversation?.typing ? "is writing…"
    : !last ? standing(contact, status)
    : last.deleted ? "Deleted message"
    : (last.mine ? "You: " : "") + last.text.slice(0, 200);
  const unread = conversation?.unread ?? 0;
  return element("li", {},
    element("button", { class: "row", "aria-current": current ? "true" : undefined, click: () => choose(contact) },
      dot(contact),
      element("span", { class: "name" }, isolated(contact.name), element("span", { class: "hidden" }, `, ${standing(contact, status)}`)),
      element("span", { class: "time quiet" }, last ? when(last.sent) : ""),
      element("span", { class: "preview quiet", dir: "auto" }, preview),
      unread > 0 ? element("span", { class: "unread" }, String(unread), element("span", { class: "hidden" }, " unread")) : "",
    ));
}

// request is somebody who wants to be a contact.
export function request(contact, answer) {
  return element("li", { class: "request" },
    isolated(contact.name),
    element("button", { click: () => answer(contact, "accept") }, "Accept", element("span", { class: "hidden" }, ` ${contact.name}`)),
    element("button", { class: "plain", click: () => answer(contact, "refuse") }, "Refuse", element("span", { class: "hidden" }, ` ${contact.name}`)));
}

// bubble is a message. quoted is the message that it answers, if that is known.
export function bubble({ message, quoted, newDay }) {
  const about = [element("time", { datetime: message.sent, title: moment(message.sent) }, clock.format(new Date(message.sent)))];
  if (message.edited) about.push("edited");
  if (message.mine) about.push(message.state);
  const reactions = new Map();
  for (const r of message.reactions) reactions.set(r.emoji, [...(reactions.get(r.emoji) ?? []), r.from_name]);
  return element("li", { class: message.mine ? "mine" : "theirs", "data-day": newDay },
    element("div", { class: "bubble" },
      element("span", { class: "hidden" }, message.mine ? "You: " : "", message.mine ? "" : isolated(message.from_name), ": "),
      message.reply_to ? element("blockquote", { dir: "auto" }, quoted ? quoted.text.slice(0, 300) || "Deleted message" : "An earlier message") : "",
      message.deleted ? element("p", { class: "quiet" }, "Deleted message") : element("p", { class: "text", dir: "auto" }, message.text),
      reactions.size ? element("p", { class: "reactions" }, ...[...reactions].map(([emoji, names]) =>
        element("span", { title: names.join(", ") }, isolated(emoji), names.length > 1 ? ` ${names.length}` : ""))) : "",
      element("p", { class: "about" }, ...about.flatMap((a, i) => (i ? [" · ", a] : [a])))));
}

// ways lists how a contact is reached, or why not.
export function ways(status) {
  const line = (good, name, text) => element("li", {}, element("span", { class: `dot ${good ? "connected" : "disconnected"}`, "aria-hidden": "true" }),
    element("strong", {}, name), " ", element("bdi", {}, text));
  return [
    element("ul", {},
      ...(status?.links ?? []).map((l) => line(true, "Linked", `${l.path}, found by ${l.way}, ${l.remote}, ${l.rtt_ms.toFixed(1)} ms`)),
      ...(status?.ways ?? []).map((w) => line(w.working, w.way, w.reason))),
    element("p", { class: "quiet" }, status?.waiting ? `Messages that wait for them: ${status.waiting}` : ""),
  ];
}
