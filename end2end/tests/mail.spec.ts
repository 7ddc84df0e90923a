import { randomUUID } from "node:crypto";
import type { Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { Mailbox } from "../support/mailbox.ts";
import { expect, test as base } from "../support/signed-in.ts";

/** Tests that read the mail which Reef sends. */
const test = base.extend<{ mailbox: Mailbox }>({
  mailbox: async ({ request }, use) => use(new Mailbox(request)),
});

const CONFIRM = "Confirm your email";
const RESET = "Reset your password";
const CHANGE = "Confirm your new email";
const USED_UP = "This link was already used or has expired.";

const emailPart = (page: Page) => page.getByRole("region", { name: "E-mail", exact: true });
const reminder = (page: Page) => page.getByRole("complementary", { name: "Your e-mail address" });
const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();

// The browser's own note about an answer that a script got.
test.use({ expectedComplaints: ["400 (Bad Request)", "401 (Unauthorized)"] });

test("who signs up confirms the address by a link that is good once", async ({ dashboard, page, mailbox }) => {
  const email = `${randomUUID()}@example.com`;
  await dashboard.open("/signup");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill("four plain words here");
  await press(page, "Sign up");
  await expect(page).toHaveURL("/assistants");
  await expect(reminder(page)).toBeVisible();

  // Programs that look at mails open links, too: only the button confirms.
  const link = await mailbox.link(email, CONFIRM);
  await dashboard.open(link);
  await dashboard.open("/settings");
  await expect(emailPart(page).getByText("not confirmed yet")).toBeVisible();

  await dashboard.open(link);
  await press(page, "Confirm my address");
  await expect(page.getByText("Your address is confirmed.")).toBeVisible();
  await page.getByRole("link", { name: "To your assistants" }).click();
  await expect(reminder(page)).toHaveCount(0);
  await dashboard.open("/settings");
  await expect(emailPart(page).getByText("confirmed", { exact: true })).toBeVisible();

  await dashboard.open(link);
  await expect(page.getByText(USED_UP)).toBeVisible();
  await expect(page.getByRole("button", { name: "Confirm my address" })).toHaveCount(0);
});

test("who opens the link elsewhere shows that the account is theirs, or takes it over", async ({ home, elsewhere, page, user, reef, request, mailbox }) => {
  const stranger = elsewhere.page;
  const key = await reef.createKey(user.email);
  const status = async () => (await request.get("/api/v1/me", { headers: { "X-API-Key": key } })).status();
  await home.open("/settings");
  await emailPart(page).getByRole("button", { name: /^Send/ }).click();
  await expect(page.getByText("The link is sent again.")).toBeVisible();
  const link = await mailbox.link(user.email, CONFIRM);
  await elsewhere.open(link);
  await stranger.getByLabel("Password", { exact: true }).fill("not the password");
  await press(stranger, "Confirm my address");
  await expect(stranger.getByLabel("Password", { exact: true })).toHaveAccessibleDescription(/Incorrect password/);
  await home.open("/settings");
  await expect(emailPart(page).getByText("not confirmed yet")).toBeVisible();

  await stranger.getByLabel("New password").fill("four other plain words");
  await press(stranger, "Set the password");
  await expect(stranger.getByText("The account is yours alone now")).toBeVisible();
  expect(await status()).toBe(401);
  await home.open("/settings");
  await expect(page).toHaveURL("/signin?next=%2Fsettings");
  await elsewhere.signIn({ ...user, password: "four other plain words" });
  expect(await mailbox.text(user.email, "Your password was changed")).toContain("/forgot");
});

test("the link is sent again on demand", async ({ home, page, user, mailbox }) => {
  await home.open("/settings");
  await emailPart(page).getByRole("button", { name: /^Send/ }).click();
  await expect(page.getByText("The link is sent again.")).toBeVisible();
  await home.open(await mailbox.link(user.email, CONFIRM));
  await press(page, "Confirm my address");
  await expect(page.getByText("Your address is confirmed.")).toBeVisible();
});

test("a link that a mail program has cut is told", async ({ dashboard, page }) => {
  for (const path of ["/confirm", "/confirm-change", "/reset?token="]) {
    await dashboard.open(path);
    await expect(page.getByText("This link is not complete.")).toBeVisible();
    await expect(page.getByRole("main").getByRole("button")).toHaveCount(0);
  }
});

test("a forgotten password is replaced by mail, which signs out everywhere", async ({ home, elsewhere, page, user, mailbox }) => {
  const forgetful = elsewhere.page;
  await elsewhere.open("/signin");
  await forgetful.getByRole("link", { name: "Forgot your password?" }).click();
  await forgetful.getByLabel("E-mail").fill(user.email);
  await press(forgetful, "Send the link");
  const same = forgetful.getByText("If there is an account with this address, a link is on its way to it.");
  await expect(same).toBeVisible();

  const link = await mailbox.link(user.email, RESET);
  await elsewhere.open(link);
  await forgetful.getByLabel("New password").fill("short");
  await press(forgetful, "Set the password");
  await expect(forgetful.getByLabel("New password")).toHaveAccessibleDescription(/at least 10 characters/);
  await forgetful.getByLabel("New password").fill("four other plain words");
  await press(forgetful, "Set the password");
  await expect(forgetful.getByText("You have a new password. Sign in with it.")).toBeVisible();

  await elsewhere.isRefused(user);
  await elsewhere.signIn({ ...user, password: "four other plain words" });
  await home.open("/settings");
  await expect(page).toHaveURL("/signin?next=%2Fsettings");

  await elsewhere.open(link);
  await expect(forgetful.getByText(USED_UP)).toBeVisible();
  await expect(forgetful.getByLabel("New password")).toHaveCount(0);
});

test("who asks for an address without an account is told the same, and nothing is sent", async ({ dashboard, page, user, mailbox }) => {
  const nobody = `${randomUUID()}@example.com`;
  const told: string[] = [];
  for (const email of [nobody, user.email]) {
    await dashboard.open("/forgot");
    await page.getByLabel("E-mail").fill(email);
    await press(page, "Send the link");
    await expect(page).toHaveURL("/forgot?done=reset_sent");
    told.push(await page.getByRole("main").innerText());
  }
  expect(told[0]).toContain("a link is on its way to it");
  expect(told[0]).toBe(told[1]);
  // It was asked for after the other, and has come.
  await mailbox.link(user.email, RESET);
  expect(await mailbox.to(nobody)).toEqual([]);
});

test("another address is confirmed where it is, and the old one is told", async ({ home, page, user, mailbox }) => {
  const next = { ...user, email: `${randomUUID()}@example.com` };
  await home.open("/settings");
  const dialog = await home.ask("Change address");
  const change = async (password: string) => {
    await dialog.getByLabel("New e-mail").fill(next.email);
    await dialog.getByLabel("Password").fill(password);
    await dialog.getByRole("button", { name: "Send the link" }).click();
  };
  await change("not my password");
  await expect(dialog.getByLabel("Password")).toHaveAccessibleDescription(/Incorrect password/);
  await expect(dialog.getByLabel("New e-mail")).toHaveValue(next.email);
  await change(user.password);
  await expect(page.getByText("A link is on its way to the new address.")).toBeVisible();
  await expect(emailPart(page).getByText(user.email)).toBeVisible();
  expect(await mailbox.text(user.email, "Your Reef email is about to change")).toContain(next.email);

  const link = await mailbox.link(next.email, CHANGE);
  await home.open(link);
  await press(page, "Use the new address");
  await expect(page.getByText("Your account has the new address.")).toBeVisible();
  expect(await mailbox.text(user.email, "Your Reef email was changed")).toContain(next.email);
  await home.open("/settings");
  await expect(emailPart(page).getByText(next.email)).toBeVisible();
  await expect(emailPart(page).getByText("confirmed", { exact: true })).toBeVisible();

  await home.signOut();
  await home.isRefused(user);
  await home.signIn(next);
});

test("a first deployment that fails is told by mail, with the way out", async ({ home, page, user, mailbox }) => {
  await home.order("Bring your own key");
  const path = await home.pay();
  const token = botToken("conflict");
  await home.fillActivation({ name: "Coral", model: "anthropic:claude-sonnet-5", key: "sk-ant-good", token });
  await press(page, "Activate");
  await home.becomes("failed");
  const text = await mailbox.text(user.email, "[Reef] Coral couldn't start");
  expect(text).toContain("Another app is using this bot");
  expect(text).not.toContain("is down");
  expect(text).toContain(new URL(path, page.url()).href);
  expect(text).not.toContain(token);
});
