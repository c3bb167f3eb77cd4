// Pictures of what one does with conversations and messages: a part of npm run
// screenshots.

// arrange pins one conversation, archives another, leaves a draft in a third,
// and lets Bob mention two people.
export async function arrange(world, anna, bob) {
  const more = await Promise.all(["Gina", "Émile", "Hugo"].map(async (name) => {
    const node = await world.node();
    await node.cli("me", "--name", name);
    await node.cli("join", (await anna.cli("invite")).line);
    await node.cli("send", "Anna", `Hello from ${name}`);
    return node;
  }));
  const [page, his] = await Promise.all([world.page(anna), world.page(bob)]);
  const call = (on, method, path, body) => on.evaluate(([method, path, body]) => fetch(`/api/v1${path}`, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) }).then((r) => (r.status === 204 ? undefined : r.json())), [method, path, body]);
  for (const name of ["Gina", "Émile", "Hugo"]) await page.locator("nav .entry", { hasText: `Hello from ${name}` }).waitFor();
  await call(page, "PATCH", "/conversations/Gina", { pinned: true });
  await call(page, "PATCH", `/conversations/${encodeURIComponent("Émile")}`, { archived: true });
  await call(page, "PUT", "/conversations/Hugo/draft", { text: "I was thinking about the boat" });
  const [me, gina] = [await call(page, "GET", "/me"), await call(page, "GET", "/contacts/Gina")];
  const text = "@Anna could you ask @Gina too?";
  await call(his, "POST", "/messages", { to: ["Anna"], text, mentions: [{ account: me.account, text: "@Anna" }, { account: gina.account, text: "@Gina" }] });
  await Promise.all([page.context().close(), his.context().close()]);
  return more;
}

// rows shows the archive, and the menu of a conversation.
export async function rows(page, shot) {
  await page.locator("nav .archive").click();
  await page.locator("nav .entry", { hasText: "Émile" }).waitFor();
  await shot("archive");
  await page.locator("nav .archive").click();
  await page.locator("nav .entry", { hasText: "Hello from Gina" }).focus();
  await page.keyboard.press("Shift+F10");
  await page.getByRole("menu").waitFor();
  await shot("row-menu");
  await page.keyboard.press("Escape");
}

// choosing shows whom one may mention, and what can be done with messages.
export async function choosing(page, shot) {
  const field = page.locator("form textarea");
  await field.pressSequentially("Ask @");
  await page.getByRole("listbox").waitFor();
  await shot("mention");
  await field.fill("");
  const lines = page.locator("li[data-id]");
  await lines.nth(1).focus();
  await page.keyboard.press("Space");
  await lines.nth(3).locator(".bubble").click();
  await page.locator(".bar [role=status]").waitFor();
  await shot("selection");
  await page.locator(".bar .do").nth(1).click();
  await page.getByRole("dialog").waitFor();
  await page.waitForTimeout(300);
  await shot("forward");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  await page.locator(".bar [role=status]").waitFor({ state: "detached" });
}
