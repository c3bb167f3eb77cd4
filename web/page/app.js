// The page: a list of people, and the conversation with one of them.

import { at, call, listen } from "./api.js";
import { bubble, cache, dayOf, isolated, moment, place, request, row, standing, ways } from "./view.js";

const $ = (id) => document.getElementById(id);

// What is shown. The node owns all of it; it is loaded again when it changes.
const now = { me: undefined, contacts: [], conversations: [], statuses: [] };
// The open conversation: the contact's account, its messages oldest first, and
// whether there are earlier ones.
const open = { account: undefined, messages: [], more: false };

const contact = () => now.contacts.find((c) => c.account === open.account);
const status = (c) => now.statuses.find((s) => s.account === c.account);
const conversation = (c) => now.conversations.find((v) => v.id === c.conversation);

// one runs work at most once at a time, and once more if it was asked for
// meanwhile: a storm of events costs two loads.
function one(work) {
  let running = false, again = false;
  return async function run() {
    if (running) return void (again = true);
    running = true;
    try {
      do {
        again = false;
        await work();
      } while (again);
    } catch (failure) {
      tell(failure.message);
    } finally {
      running = false;
    }
  };
}

function tell(text) {
  $("banner").hidden = !text;
  $("banner").textContent = text;
}

const loadPeople = one(async () => {
  const [full, contacts, conversations] = await Promise.all([call("GET", "/status"), call("GET", "/contacts"), call("GET", "/conversations")]);
  const others = conversations.map((v) => v.with).filter((w) => !contacts.some((c) => c.account === w.account));
  Object.assign(now, { me: full.me, statuses: full.contacts, contacts: [...contacts, ...others], conversations });
  showPeople();
});

const pageSize = 50;

const loadMessages = one(async () => {
  const c = contact();
  if (!c) return;
  const fresh = await call("GET", at("conversations", c.conversation, "messages") + `?limit=${pageSize}`);
  if (contact()?.account !== c.account) return;
  // Earlier pages stay, if the newest page joins them.
  const joint = fresh.length ? open.messages.findIndex((m) => m.id === fresh[0].id) : -1;
  if (joint < 0) open.more = fresh.length === pageSize;
  open.messages = joint < 0 ? fresh : [...open.messages.slice(0, joint), ...fresh];
  showMessages();
  markRead();
});

const loadEarlier = one(async () => {
  const c = contact(), first = open.messages[0];
  if (!c || !first) return;
  const page = await call("GET", at("conversations", c.conversation, "messages") + `?limit=${pageSize}&before=${first.id}`);
  if (contact()?.account !== c.account || open.messages[0] !== first) return;
  open.messages = [...page, ...open.messages];
  open.more = page.length === pageSize;
  const below = box.scrollHeight - box.scrollTop;
  showMessages(false);
  box.scrollTop = box.scrollHeight - below;
});

const rows = cache((entry) => row(entry, choose));
const requests = cache((c) => request(c, answerRequest));
const bubbles = cache(bubble);

function showPeople() {
  $("me").textContent = now.me.name || "Kith";
  $("mine").textContent = now.me.visible ? "Visible" : "Hidden: what you write waits";
  const asking = now.contacts.filter((c) => c.relation === "asking");
  $("requests").hidden = !asking.length;
  place($("requests").querySelector("ul"), requests(asking, (c) => c.account));
  const order = new Map(now.conversations.map((v, i) => [v.id, v.last ? i : Infinity]));
  const rank = (c) => order.get(c.conversation) ?? Infinity;
  const known = now.contacts.filter((c) => c.relation !== "asking").sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  const entries = known.map((c) => ({ contact: c, conversation: conversation(c), status: status(c), current: c.account === open.account }));
  place($("people"), rows(entries, (e) => e.contact.account));
  $("nobody").hidden = known.length + asking.length > 0;
  const unread = now.conversations.reduce((sum, v) => sum + v.unread, 0);
  document.title = unread ? `(${unread}) Kith` : "Kith";
  showTalk();
  if (!now.me.name && !asked) askName();
}

function showTalk() {
  const c = contact();
  document.body.classList.toggle("talking", !!c);
  $("talk").hidden = !c;
  $("nothing").hidden = !!c;
  if (!c) return;
  $("with").textContent = c.name;
  $("state").textContent = standing(c, status(c));
  $("warning").hidden = !c.warning;
  $("warning").textContent = c.warning ?? "";
  $("typing").replaceChildren(...(conversation(c)?.typing ? [isolated(c.name), " is writing…"] : []));
  $("how-dialog").open && $("ways").replaceChildren(...ways(status(c)));
}

// The newest message stays in view if it was, also when a keyboard opens.
const box = $("scroll");
let atEnd = true;
const toEnd = () => (box.scrollTop = box.scrollHeight);
box.addEventListener("scroll", () => (atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60));
new ResizeObserver(() => atEnd && toEnd()).observe(box);

function showMessages(follow = true) {
  const byID = new Map(open.messages.map((m) => [m.id, m]));
  let last;
  const entries = open.messages.map((message) => {
    const today = dayOf(message), newDay = today === last ? undefined : today;
    last = today;
    return { message, quoted: byID.get(message.reply_to), newDay };
  });
  place($("log"), bubbles(entries, (e) => e.message.id));
  $("earlier").hidden = !open.more;
  if (follow && atEnd) toEnd();
}

async function choose(c) {
  stopTyping();
  Object.assign(open, { account: c.account, messages: [], more: false });
  showMessages();
  showPeople();
  $("text").value = "";
  await loadMessages();
  toEnd();
  if (matchMedia("(min-width: 701px)").matches) $("text").focus();
}

function markRead() {
  const c = contact(), last = open.messages.findLast((m) => !m.mine);
  if (!c || !last || document.visibilityState !== "visible" || !conversation(c)?.unread) return;
  call("PUT", at("conversations", c.conversation, "read"), { up_to: last.id }).then(loadPeople, (failure) => tell(failure.message));
}

async function answerRequest(c, what) {
  try {
    await call("POST", at("contacts", c.account, what));
    tell("");
  } catch (failure) {
    tell(failure.message);
  }
  loadPeople();
}

// Writing.

let typingUntil = 0;

function typing() {
  const c = contact();
  if (!c || Date.now() < typingUntil) return;
  typingUntil = Date.now() + 5000;
  call("PUT", at("conversations", c.conversation, "typing"), { active: true }).catch(() => {});
}

function stopTyping() {
  const c = contact();
  if (c && typingUntil) call("PUT", at("conversations", c.conversation, "typing"), { active: false }).catch(() => {});
  typingUntil = 0;
}

$("text").addEventListener("input", typing);
$("text").addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  $("write").requestSubmit();
});
$("write").addEventListener("submit", async (e) => {
  e.preventDefault();
  const c = contact(), text = $("text").value;
  if (!c || !text.trim()) return;
  $("text").value = "";
  stopTyping();
  try {
    await call("POST", "/messages", { to: [c.account], text });
    tell("");
  } catch (failure) {
    if (contact()?.account === c.account && !$("text").value) $("text").value = text; // nothing is lost
    tell(failure.message);
  }
  await loadMessages();
  toEnd();
});

// Dialogs: submit runs work; it closes when that succeeds, unless told to stay.

function dialog(id, work, stay = false) {
  const box = $(id), error = box.querySelector(".error"), button = box.querySelector("[type=submit]");
  box.querySelector("[data-close]").addEventListener("click", () => box.close());
  box.querySelector("form").addEventListener("submit", async (e) => {
    e.preventDefault();
    button.disabled = true;
    error.textContent = "";
    try {
      await work();
      if (!stay) box.close();
    } catch (failure) {
      error.textContent = failure.message;
    }
    button.disabled = false;
  });
  return () => {
    error.textContent = "";
    box.showModal();
  };
}

const openMe = dialog("me-dialog", async () => {
  await call("PATCH", "/me", { name: $("name").value, visible: $("visible").checked });
  loadPeople();
});
let asked = false; // a name, since the page was opened: once is enough
function askName() {
  asked = true;
  $("logout").hidden = !now.me.name;
  $("me-title").textContent = now.me.name ? "Me" : "Welcome. What is your name?";
  $("name").value = now.me.name;
  $("visible").checked = now.me.visible;
  openMe();
}

const openInvite = dialog("invite-dialog", async () => {
  await navigator.clipboard.writeText($("line").value);
  $("until").textContent = "Copied.";
}, true);
$("invite").addEventListener("click", async () => {
  try {
    const invitation = await call("POST", "/invitations", {});
    $("line").value = invitation.line;
    $("until").textContent = `Good until ${moment(invitation.expires)}.`;
    openInvite();
    $("line").select();
  } catch (failure) {
    tell(failure.message);
  }
});

const openJoin = dialog("join-dialog", async () => {
  const joined = await call("POST", "/contacts", { line: $("pasted").value.trim() });
  await loadPeople();
  choose(joined);
});
$("join").addEventListener("click", () => {
  $("pasted").value = "";
  openJoin();
});

const openHow = dialog("how-dialog", () => call("POST", "/connections/retry", { contact: open.account }), true);
$("how").addEventListener("click", () => {
  $("ways").replaceChildren(...ways(status(contact())));
  openHow();
});

$("settings").addEventListener("click", () => now.me && askName());
$("logout").addEventListener("click", async () => {
  await fetch("/logout", { method: "POST" }).catch(() => {});
  location.reload();
});
$("earlier").addEventListener("click", loadEarlier);
$("back").addEventListener("click", () => {
  stopTyping();
  Object.assign(open, { account: undefined, messages: [], more: false });
  showPeople();
});
document.addEventListener("visibilitychange", markRead);

// What happens.

function loadAll() {
  tell("");
  loadPeople();
  loadMessages();
}

listen({
  opened: loadAll,
  lost: () => tell("Kith does not answer. Trying again…"),
  notice: (n) => {
    if (n.type === "reset") return loadAll();
    loadPeople();
    const about = n.message?.conversation ?? n.conversation;
    if (about && about === contact()?.conversation) loadMessages();
  },
});
