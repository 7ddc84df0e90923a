import type { Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";
import { totp, wrongTotp } from "../support/totp.ts";

/** Finds a section of the settings by its heading. */
const section = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

/** Starts to set up two-factor and returns the secret. */
async function startTwoFactor(page: Page): Promise<string> {
  await section(page, "Two-factor authentication").getByRole("button", { name: "Set up two-factor" }).click();
  const secret = page.getByRole("group", { name: "Secret for the authenticator app" }).locator("code");
  await expect(secret).toHaveText(/^[A-Z2-7]{32}$/);
  return secret.innerText();
}

/** Turns on two-factor and returns the recovery codes. */
async function turnOnTwoFactor(page: Page, secret: string): Promise<string[]> {
  await page.getByLabel("Code from the app").fill(totp(secret));
  await page.getByRole("button", { name: "Turn on two-factor" }).click();
  await expect(page.getByRole("heading", { name: "Save your recovery codes now" })).toBeVisible();
  return (await page.getByRole("region", { name: "Recovery codes", exact: true }).innerText()).trim().split("\n");
}

test.describe("a new password", () => {
  // Chromium logs every error status.
  test.use({ expectedErrors: ["400 (Bad Request)", "401 (Unauthorized)"] });

  test("needs the current one and signs out all other devices", async ({ member, otherBrowser, page, user }) => {
    await otherBrowser.signIn(user);
    await member.open("/settings");
    const password = section(page, "Password");
    const change = async (current: string, next: string) => {
      await password.getByLabel("Current password").fill(current);
      await password.getByLabel("New password").fill(next);
      await password.getByRole("button", { name: "Change password" }).click();
    };
    await change("not my password", "four other plain words");
    await expect(password.getByLabel("Current password")).toHaveAttribute("aria-invalid", "true");
    await expect(password.getByRole("alert"), "the error is in view").toBeInViewport();
    await expect(password.getByLabel("Current password")).toHaveAccessibleDescription(/Incorrect password/);
    expect(page.url()).not.toContain("plain");

    await change(user.password, "four other plain words");
    await expect(page.getByText("Password changed. All other devices are signed out.")).toBeVisible();
    await otherBrowser.open("/settings");
    await expect(otherBrowser.page).toHaveURL("/signin?next=%2Fsettings");
    await member.open("/settings");
    await expect(section(page, "Devices").getByRole("row")).toHaveCount(2);

    await member.signOut();
    await member.expectSignInRefused(user);
    await member.signIn({ ...user, password: "four other plain words" });
  });

  test("must be at least 10 characters", async ({ member, page, user }) => {
    await member.open("/settings");
    const password = section(page, "Password");
    await password.getByLabel("Current password").fill(user.password);
    await password.getByLabel("New password").fill("short");
    await password.getByRole("button", { name: "Change password" }).click();
    await expect(password.getByLabel("New password")).toHaveAttribute("aria-invalid", "true");
    await expect(password.getByLabel("New password")).toHaveAccessibleDescription(/at least 10 characters/);
    expect(page.url()).not.toContain("short");
  });
});

test("devices are listed and signed out, one or all others", async ({ member, otherBrowser, page, user }) => {
  await otherBrowser.signIn(user);
  await member.open("/settings");
  const devices = section(page, "Devices");
  const [here, other] = [devices.getByRole("row", { name: "This device" }), devices.getByRole("button", { name: "Sign out Chrom" })];
  await expect(here).toContainText("127.0.0.1");
  await expect(other).toHaveCount(1);

  await other.click();
  await expect(page.getByText("Device signed out.")).toBeVisible();
  await expect(other).toHaveCount(0);
  await expect(here).toBeVisible();
  await expect(devices.getByRole("button", { name: "Sign out all other devices" })).toHaveCount(0);
  await otherBrowser.open("/assistants");
  await expect(otherBrowser.page).toHaveURL("/signin?next=%2Fassistants");

  await otherBrowser.signIn(user);
  await member.open("/settings");
  await devices.getByRole("button", { name: "Sign out all other devices" }).click();
  await expect(page.getByText("All other devices are signed out.")).toBeVisible();
  await expect(devices.getByRole("row")).toHaveCount(2);
  await otherBrowser.open("/keys");
  await expect(otherBrowser.page).toHaveURL("/signin?next=%2Fkeys");
});

test.describe("two-factor", () => {
  test.use({ expectedErrors: ["400 (Bad Request)"] });

  test("is set up, asks for a code and is turned off", async ({ member, page, user, reef }) => {
    await member.open("/settings");
    const secret = await startTwoFactor(page);
    await expect(page.getByRole("img", { name: /QR code/ })).toBeVisible();
    const code = page.getByLabel("Code from the app");
    await code.fill(wrongTotp(secret));
    await page.getByRole("button", { name: "Turn on two-factor" }).click();
    await expect(code).toHaveAttribute("aria-invalid", "true");
    await expect(code).toHaveAccessibleDescription(/That code is incorrect/);
    await expect(section(page, "Two-factor authentication").getByText("On", { exact: true })).toHaveCount(0);

    const codes = await turnOnTwoFactor(page, secret);
    expect(new Set(codes).size).toBe(10);
    const [recovery = "", another = "", last = ""] = codes;
    await expect(page.getByText("10 recovery codes left.")).toBeVisible();
    await member.open("/settings");
    await expect(page.getByText(recovery)).toHaveCount(0);
    await expect(page.getByText(secret)).toHaveCount(0);

    await member.signOut();
    const submitCode = async (typed: string) => {
      await page.getByLabel("Code", { exact: true }).fill(typed);
      await page.getByRole("button", { name: "Sign in" }).click();
    };
    await member.trySigningIn(user);
    await expect(page).toHaveURL("/signin/code");
    await submitCode(wrongTotp(secret));
    await expect(page.getByLabel("Code", { exact: true })).toHaveAccessibleDescription(/That code is incorrect/);
    // The password alone does not sign in.
    await member.open("/assistants");
    await expect(page).toHaveURL("/signin?next=%2Fassistants");
    await member.open("/signin/code");
    // The current code was used to turn two-factor on.
    await submitCode(totp(secret, Date.now() + 30_000));
    await expect(page).toHaveURL("/assistants");

    await member.signOut();
    await member.trySigningIn(user);
    await submitCode(recovery);
    await expect(page).toHaveURL("/assistants");
    await member.signOut();
    await member.trySigningIn(user);
    await submitCode(recovery);
    await expect(page.getByLabel("Code", { exact: true })).toHaveAccessibleDescription(/already used/);
    await submitCode(another);
    await expect(page).toHaveURL("/assistants");

    await member.open("/settings");
    await expect(page.getByText("8 recovery codes left.")).toBeVisible();
    const dialog = await member.openDialog("Turn off two-factor");
    await dialog.getByLabel("Password").fill(user.password);
    await dialog.getByLabel("Code").fill(last);
    await dialog.getByRole("button", { name: "Turn off two-factor" }).click();
    await expect(page.getByText("Two-factor is off. You sign in with your password only.")).toBeVisible();
    await member.signOut();
    await member.signIn(user);

    const log = await reef.log();
    for (const word of [secret, ...codes]) expect(log).not.toContain(word);
  });

  test("gets new recovery codes, which replace the old ones", async ({ member, page }) => {
    await member.open("/settings");
    const before = await turnOnTwoFactor(page, await startTwoFactor(page));
    const [used = "", replaced = ""] = before;
    const renew = async (code: string) => {
      const dialog = await member.openDialog("New recovery codes");
      await dialog.getByLabel("Code").fill(code);
      await dialog.getByRole("button", { name: "Generate codes" }).click();
      return dialog;
    };
    await renew(used);
    await expect(page.getByText("Old codes no longer work.")).toBeVisible();
    const after = (await page.getByRole("region", { name: "Recovery codes", exact: true }).innerText()).trim().split("\n");
    expect(new Set([...before, ...after]).size).toBe(20);

    const refused = await renew(replaced);
    await expect(refused.getByLabel("Code")).toHaveAccessibleDescription(/That code is incorrect/);
  });
});

test("page for the two-factor code redirects to sign in without a password", async ({ dashboard, page }) => {
  await dashboard.open("/signin/code");
  await expect(page).toHaveURL("/signin");
});

test.describe("an account", () => {
  test.use({ expectedErrors: ["400 (Bad Request)", "401 (Unauthorized)"] });

  test("is deleted with everything in it, which the dialog lists first", async ({ member, page, user, reef, request }) => {
    const token = botToken();
    await member.createAssistant("Coral", token);
    const key = await reef.createKey(user.email);
    const status = async () => (await request.get("/api/v1/assistants", { headers: { "X-API-Key": key } })).status();
    expect(await status()).toBe(200);

    await member.open("/settings");
    const dialog = await member.openDialog("Delete account");
    for (const words of ["1 subscription is canceled immediately", "1 assistant is stopped and deleted", "1 API key stops working"]) {
      await expect(dialog).toContainText(words);
    }
    const remove = async (password: string) => {
      await dialog.getByLabel("Password").fill(password);
      await dialog.getByRole("button", { name: "Delete permanently" }).click();
    };
    await remove("not my password");
    await expect(dialog.getByLabel("Password")).toHaveAccessibleDescription(/Incorrect password/);
    expect(await status()).toBe(200);

    await remove(user.password);
    await expect(page).toHaveURL("/goodbye");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Account deleted");
    expect(await status()).toBe(401);
    await member.open("/settings");
    await expect(page).toHaveURL("/signin?next=%2Fsettings");
    await member.expectSignInRefused(user);
  });
});
