import { Bot } from "../support/bot.ts";
import { Mailbox } from "../support/mailbox.ts";
import { totp } from "../support/totp.ts";
import { expect, test } from "./support.ts";

const TOKEN = "AAGoodTokenForScreenshots_012345678";
const LONG = "The assistant of the committee for the preservation of the old lighthouse and its surroundings, 2nd";
const UNBROKEN = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft";

for (const [name, path] of Object.entries({
  landing: "/",
  "sign-up": "/signup",
  "sign-in": "/signin",
  forgot: "/forgot",
  docs: "/docs",
  "docs-quick-start": "/docs/quick-start",
  "docs-endpoint": "/docs/activate-assistant",
  "docs-errors": "/docs/errors",
  styleguide: "/styleguide",
  "not-found": "/no/such/page",
})) {
  test(name, async ({ shoot }) => shoot(name, path));
}

test("empty pages", async ({ customer, shoot }) => {
  await customer("zoe@example.com");
  await shoot("list-empty", "/assistants");
  await shoot("buy", "/assistants/new");
  await shoot("billing-empty", "/billing");
  await shoot("receipts-empty", "/receipts");
  await shoot("keys-empty", "/keys");
});

test("list of two hundred assistants", async ({ customer, shoot }) => {
  const ada = await customer("ada@example.com");
  for (let number = 1; number <= 200; number += 1) {
    await ada.createAssistant(`Assistant ${String(number).padStart(3, "0")}`, `${200_000_000 + number}:${TOKEN}`, "active");
  }
  await shoot("list-200", "/assistants");
});

test("assistants in every state", async ({ customer, shoot }) => {
  const ben = await customer("ben@example.com");
  await ben.order();
  await ben.buy("managed");
  await ben.createAssistant("Coral", `300000001:${TOKEN}`, "active");
  await ben.stop(await ben.createAssistant(LONG, `300000002:${TOKEN}`, "active"));
  await ben.createAssistant(UNBROKEN, `300000003:revoked${TOKEN}`, "failed");
  await ben.createAssistant("Pearl", `300000004:stuck${TOKEN}`, "deploying");
  await shoot("list", "/assistants");
  await shoot("billing", "/billing");
});

test("from the order to the receipt", async ({ customer, page, shoot, shootWindow }) => {
  const cleo = await customer("cleo@example.com");
  const { deploymentId, checkoutUrl } = await cleo.order();
  const path = `/assistants/${deploymentId}`;
  await shoot("waiting-for-payment", path);
  await page.goto(checkoutUrl);
  await cleo.dashboard.pay();
  await shoot("activation", path);
  const token = `400000001:${TOKEN}`;
  const model = "anthropic:claude-sonnet-5-5";
  await cleo.dashboard.fillActivation({ name: "Coral", model, key: "sk-ant-refused", token });
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(page.getByText("The provider rejected this key.")).toBeVisible();
  await shoot("activation-checked");
  await cleo.dashboard.fillActivation({ name: "Coral", model, key: "sk-ant-good", token, callback: "https://callbacks.sandbox.test/coral" });
  await page.getByRole("button", { name: "Activate" }).click();
  await cleo.dashboard.waitForStatus("active");
  const chat = page.frameLocator('iframe[title^="Chat with @"]');
  await chat.getByLabel("Message").fill("hello");
  await chat.getByRole("button", { name: "Send" }).click();
  await expect(chat.locator(".chat li.bot")).toBeVisible();
  await page.getByRole("heading", { level: 1 }).click();
  await shoot("active");
  await cleo.dashboard.openDetails("Edit");
  await shoot("edit");
  await cleo.dashboard.openDialog("Stop");
  await shootWindow("stop-asked");
  await page.keyboard.press("Escape");
  await cleo.stop(deploymentId);
  await cleo.dashboard.waitForStatus("stopped");
  await shoot("stopped", path);
  await shoot("history", `${path}/history`);
  await page.goto(path);
  const dialog = await cleo.dashboard.openDialog("Delete");
  await shootWindow("delete-asked");
  await dialog.getByRole("button", { name: "Delete permanently" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Coral was deleted");
  await shoot("receipt");
  await shoot("receipts", "/receipts");
});

test("behavior and people", async ({ customer, page, request, shoot, shootWindow }) => {
  const gus = await customer("gus@example.com");
  const token = `450000001:${TOKEN}`;
  const id = await gus.createAssistant("Coral", token, "active");
  const wiki = { name: "Wiki", url: "https://wiki.example.com/mcp", headers: { Authorization: "Bearer any", "X-Team": "reef" } };
  const off = { name: UNBROKEN.slice(0, 64), url: `https://${UNBROKEN.slice(0, 60)}.example.com/`, enabled: false };
  await gus.changeSettings(id, { instructions: "You answer questions about the lighthouse. Be friendly and precise.", greeting: "Hi!" });
  await gus.changeSettings(id, { tools: { webSearch: false }, allowance: { perDayUsd: "2.50" }, mcpServers: [wiki, off] });
  await shoot("behavior", `/assistants/${id}/behavior`);
  await gus.dashboard.openDialog("Restore revision 1");
  await shootWindow("restore-asked");
  const bot = new Bot(request, token);
  for (const user of [1, 2, 3, 4, 5]) await bot.say(user, "hello");
  await bot.say(1, "/remember I'm a vegetarian");
  await bot.join(-100_400, 1);
  await bot.join(-100_401, 99);
  const people = `/assistants/${id}/people`;
  for (const button of ["Approve Person 2", "Block Person 3"]) {
    await gus.dashboard.open(people);
    await page.getByRole("button", { name: button }).click();
    await expect(page.locator(".toast")).toBeVisible();
  }
  await gus.dashboard.open(people);
  await gus.dashboard.openDetails("1 fact");
  await shoot("people");
  await page.getByRole("button", { name: "Create owner link" }).click();
  await expect(page.getByRole("link", { name: "Open in Telegram" })).toBeVisible();
  await shoot("owner-link");
  await shoot("people-waiting", `/assistants/${id}`);
});

test("deployments that run and fail", async ({ customer, shoot }) => {
  const dora = await customer("dora@example.com");
  await shoot("deploying", `/assistants/${await dora.createAssistant("Dora", `500000001:stuck${TOKEN}`, "deploying")}`);
  await shoot("failed", `/assistants/${await dora.createAssistant(UNBROKEN, `500000002:revoked${TOKEN}`, "failed")}`);
});

test("keys", async ({ customer, page, request, shoot }) => {
  const eve = await customer("eve@example.com");
  await eve.createAssistant("Coral", `600000001:${TOKEN}`, "active");
  await eve.dashboard.open("/keys");
  await page.getByLabel("Name").fill("deploy script");
  await page.getByRole("button", { name: "Create key" }).click();
  const key = page.getByRole("group", { name: "New API key" }).locator("code");
  const headers = { "X-API-Key": await key.innerText() };
  await shoot("keys");
  for (const path of ["assistants", "me", "models", `assistants/${crypto.randomUUID()}`]) await request.get(`/api/v1/${path}`, { headers });
  await page.getByRole("link", { name: "deploy script" }).click();
  // A request shows up within a second.
  await expect(async () => {
    await page.reload();
    await expect(page.getByRole("row", { name: /404/ })).toBeVisible({ timeout: 250 });
  }).toPass({ timeout: 10_000 });
  await shoot("key");
});

test("settings", async ({ customer, page, shoot }) => {
  const finn = await customer("finn@example.com");
  await shoot("settings", "/settings");
  await page.getByRole("button", { name: "Set up two-factor" }).click();
  const secret = page.getByRole("group", { name: "Secret for the authenticator app" }).locator("code");
  await expect(secret).toBeVisible();
  await shoot("settings-two-factor");
  await page.getByLabel("Code from the app").fill(totp(await secret.innerText()));
  await page.getByRole("button", { name: "Turn on two-factor" }).click();
  await expect(page.getByRole("region", { name: "Recovery codes", exact: true })).toBeVisible();
  await shoot("settings-recovery-codes");
  await finn.dashboard.signOut();
  await finn.dashboard.trySigningIn(finn.user);
  await expect(page).toHaveURL("/signin/code");
  await shoot("sign-in-code");
});

test("links of emails and the goodbye page", async ({ customer, page, request, shoot, shootWindow }) => {
  const gil = await customer("gil@example.com");
  const mailbox = new Mailbox(request);
  await gil.dashboard.open("/forgot");
  await page.getByRole("textbox", { name: "Email" }).fill(gil.user.email);
  await page.getByRole("button", { name: "Send reset link" }).click();
  await expect(page.getByText("works once")).toBeVisible();
  await shoot("forgot-sent");
  await shoot("reset", await mailbox.link(gil.user.email, "[Reef] Reset your password"));
  await gil.dashboard.open("/settings");
  await page.getByRole("region", { name: "Email", exact: true }).getByRole("button", { name: /^Resend/ }).click();
  await shoot("confirm", await mailbox.link(gil.user.email, "[Reef] Confirm your email"));
  await gil.dashboard.open("/settings");
  const dialog = await gil.dashboard.openDialog("Delete account");
  await shootWindow("delete-account-asked");
  await dialog.getByLabel("Password").fill(gil.user.password);
  await dialog.getByRole("button", { name: /^Delete/ }).click();
  await expect(page).toHaveURL("/goodbye");
  await shoot("goodbye");
});

test("pages of the sandbox", async ({ customer, page, shoot }) => {
  const hal = await customer("hal@example.com");
  await shoot("sandbox", "/sandbox/");
  const { checkoutUrl } = await hal.order();
  await shoot("sandbox-checkout", checkoutUrl);
  const id = await hal.createAssistant("Coral", `700000001:${TOKEN}`, "active", "https://callbacks.sandbox.test/screens");
  await shoot("sandbox-callbacks", "/sandbox/callbacks/screens");
  await shoot("sandbox-mail", "/sandbox/mail/");
  await hal.dashboard.chat(`700000001:${TOKEN}`, "hello");
  await shoot("sandbox-chat");
  await hal.dashboard.open(`/assistants/${id}`);
  await page.getByRole("button", { name: "Open billing portal" }).click();
  await expect(page).toHaveURL(/\/sandbox\/polar\//);
  await shoot("sandbox-portal");
});
