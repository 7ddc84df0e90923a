import { randomUUID } from "node:crypto";
import type { Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { Mailbox } from "../support/mailbox.ts";
import { expect, test as base } from "../support/signed-in.ts";

/** Tests that read Reef's emails. */
const test = base.extend<{ mailbox: Mailbox }>({
  mailbox: async ({ request }, use) => use(new Mailbox(request)),
});

const CONFIRM = "[Reef] Confirm your email";
const RESET = "[Reef] Reset your password";
const CHANGE = "[Reef] Confirm your new email";
const EXPIRED = "This link was already used or has expired.";

const emailSection = (page: Page) => page.getByRole("region", { name: "Email", exact: true });
const reminder = (page: Page) => page.getByRole("complementary", { name: "Your email" });
const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();

// Chromium logs every error status.
test.use({ expectedErrors: ["400 (Bad Request)", "401 (Unauthorized)"] });

test("new account is confirmed by a link that works once", async ({ dashboard, page, mailbox }) => {
  const email = `${randomUUID()}@example.com`;
  await dashboard.open("/signup");
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill("four plain words here");
  await press(page, "Create account");
  await expect(page).toHaveURL("/assistants");
  await expect(reminder(page)).toBeVisible();

  // Programs that scan emails open links too, so only the button confirms.
  const link = await mailbox.link(email, CONFIRM);
  await dashboard.open(link);
  await dashboard.open("/settings");
  await expect(emailSection(page).getByText("Not confirmed")).toBeVisible();

  await dashboard.open(link);
  await press(page, "Confirm email");
  await expect(page.getByText("Email confirmed.")).toBeVisible();
  await page.getByRole("link", { name: "Go to dashboard" }).click();
  await expect(reminder(page)).toHaveCount(0);
  await dashboard.open("/settings");
  await expect(emailSection(page).getByText("Confirmed", { exact: true })).toBeVisible();

  await dashboard.open(link);
  await expect(page.getByText(EXPIRED)).toBeVisible();
  await expect(page.getByRole("button", { name: "Confirm email" })).toHaveCount(0);
});

test("link in another browser needs the password, or takes the account over", async ({ member, otherBrowser, page, user, reef, request, mailbox }) => {
  const stranger = otherBrowser.page;
  const key = await reef.createKey(user.email);
  const status = async () => (await request.get("/api/v1/me", { headers: { "X-API-Key": key } })).status();
  await member.open("/settings");
  await emailSection(page).getByRole("button", { name: /^Resend/ }).click();
  await expect(page.getByText("Confirmation email sent.")).toBeVisible();
  const link = await mailbox.link(user.email, CONFIRM);
  await otherBrowser.open(link);
  await stranger.getByLabel("Password", { exact: true }).fill("not the password");
  await press(stranger, "Confirm email");
  await expect(stranger.getByLabel("Password", { exact: true })).toHaveAccessibleDescription(/Incorrect password/);
  await member.open("/settings");
  await expect(emailSection(page).getByText("Not confirmed")).toBeVisible();

  await stranger.getByLabel("New password").fill("four other plain words");
  await press(stranger, "Set new password");
  await expect(stranger.getByText("Only you can use this account now")).toBeVisible();
  expect(await status()).toBe(401);
  await member.open("/settings");
  await expect(page).toHaveURL("/signin?next=%2Fsettings");
  await otherBrowser.signIn({ ...user, password: "four other plain words" });
  expect(await mailbox.text(user.email, "[Reef] Your password was changed")).toContain("/forgot");
});

test("confirmation is resent on demand", async ({ member, page, user, mailbox }) => {
  await member.open("/settings");
  await emailSection(page).getByRole("button", { name: /^Resend/ }).click();
  await expect(page.getByText("Confirmation email sent.")).toBeVisible();
  await member.open(await mailbox.link(user.email, CONFIRM));
  await press(page, "Confirm email");
  await expect(page.getByText("Email confirmed.")).toBeVisible();
});

test("incomplete link shows an error", async ({ dashboard, page }) => {
  for (const path of ["/confirm", "/confirm-change", "/reset?token="]) {
    await dashboard.open(path);
    await expect(page.getByText("This link is incomplete.")).toBeVisible();
    await expect(page.getByRole("main").getByRole("button")).toHaveCount(0);
  }
});

test("forgotten password is reset by email, which signs out all devices", async ({ member, otherBrowser, page, user, mailbox }) => {
  const forgetful = otherBrowser.page;
  await otherBrowser.open("/signin");
  await forgetful.getByRole("link", { name: "Forgot your password?" }).click();
  await forgetful.getByLabel("Email").fill(user.email);
  await press(forgetful, "Send reset link");
  const same = forgetful.getByText("If an account exists for this address, we’ve sent a reset link.");
  await expect(same).toBeVisible();

  const link = await mailbox.link(user.email, RESET);
  await otherBrowser.open(link);
  await forgetful.getByLabel("New password").fill("short");
  await press(forgetful, "Reset password");
  await expect(forgetful.getByLabel("New password")).toHaveAccessibleDescription(/at least 10 characters/);
  await forgetful.getByLabel("New password").fill("four other plain words");
  await press(forgetful, "Reset password");
  await expect(forgetful.getByText("Password changed. Sign in with your new password.")).toBeVisible();

  await otherBrowser.expectSignInRefused(user);
  await otherBrowser.signIn({ ...user, password: "four other plain words" });
  await member.open("/settings");
  await expect(page).toHaveURL("/signin?next=%2Fsettings");

  await otherBrowser.open(link);
  await expect(forgetful.getByText(EXPIRED)).toBeVisible();
  await expect(forgetful.getByLabel("New password")).toHaveCount(0);
});

test("unknown email gets the same answer and no email", async ({ dashboard, page, user, mailbox }) => {
  const nobody = `${randomUUID()}@example.com`;
  const answers: string[] = [];
  for (const email of [nobody, user.email]) {
    await dashboard.open("/forgot");
    await page.getByLabel("Email").fill(email);
    await press(page, "Send reset link");
    await expect(page.getByText("we’ve sent a reset link")).toBeVisible();
    await expect(page).toHaveURL("/forgot");
    answers.push(await page.getByRole("main").innerText());
  }
  expect(answers[0]).toContain("we’ve sent a reset link");
  expect(answers[0]).toBe(answers[1]);
  // This email was requested later, so the other one would have arrived.
  await mailbox.link(user.email, RESET);
  expect(await mailbox.to(nobody)).toEqual([]);
});

test("new email address must be confirmed, and the old one is notified", async ({ member, page, user, mailbox }) => {
  const next = { ...user, email: `${randomUUID()}@example.com` };
  await member.open("/settings");
  const dialog = await member.openDialog("Change email");
  const change = async (password: string) => {
    await dialog.getByLabel("New email").fill(next.email);
    await dialog.getByLabel("Password").fill(password);
    await dialog.getByRole("button", { name: "Send confirmation" }).click();
  };
  await change("not my password");
  await expect(dialog.getByLabel("Password")).toHaveAccessibleDescription(/Incorrect password/);
  await expect(dialog.getByLabel("New email")).toHaveValue(next.email);
  await change(user.password);
  await expect(page.getByText("Confirmation email sent to the new address.")).toBeVisible();
  await expect(emailSection(page).getByText(user.email)).toBeVisible();
  expect(await mailbox.text(user.email, "[Reef] Your email is about to change")).toContain(next.email);

  const link = await mailbox.link(next.email, CHANGE);
  await member.open(link);
  await press(page, "Change email");
  await expect(page.getByText("Email changed.")).toBeVisible();
  expect(await mailbox.text(user.email, "[Reef] Your email was changed")).toContain(next.email);
  await member.open("/settings");
  await expect(emailSection(page).getByText(next.email)).toBeVisible();
  await expect(emailSection(page).getByText("Confirmed", { exact: true })).toBeVisible();

  await member.signOut();
  await member.expectSignInRefused(user);
  await member.signIn(next);
});

test("failed first deployment is reported by email with a fix", async ({ member, page, user, mailbox }) => {
  await member.order("Bring your own key");
  const path = await member.pay();
  const token = botToken("conflict");
  await member.fillActivation({ name: "Coral", model: "anthropic:claude-sonnet-5", key: "sk-ant-good", token });
  await press(page, "Activate");
  await member.waitForStatus("failed");
  const text = await mailbox.text(user.email, "[Reef] Coral couldn't start");
  expect(text).toContain("Another app is using this bot");
  expect(text).not.toContain("is down");
  expect(text).toContain(new URL(path, page.url()).href);
  expect(text).not.toContain(token);
});
