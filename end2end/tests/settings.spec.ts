import type { Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";
import { totp, wrongTotp } from "../support/totp.ts";

/** Finds a section of the settings by its heading. */
const part = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

/** Starts to set up two-factor and returns the secret. */
async function startTwoFactor(page: Page): Promise<string> {
  await part(page, "Two-factor authentication").getByRole("button", { name: "Set up two-factor" }).click();
  const secret = page.getByRole("group", { name: "Secret for the authenticator app" }).locator("code");
  await expect(secret).toHaveText(/^[A-Z2-7]{32}$/);
  return secret.innerText();
}

/** Turns on two-factor and returns the recovery codes. */
async function turnOn(page: Page, secret: string): Promise<string[]> {
  await page.getByLabel("Code from the app").fill(totp(secret));
  await page.getByRole("button", { name: "Turn on two-factor" }).click();
  await expect(page.getByRole("heading", { name: "Save your recovery codes now" })).toBeVisible();
  return (await page.getByRole("region", { name: "Recovery codes", exact: true }).innerText()).trim().split("\n");
}

test.describe("a new password", () => {
  // Chromium logs every error status.
  test.use({ expectedComplaints: ["400 (Bad Request)", "401 (Unauthorized)"] });

  test("needs the current one and signs out all other devices", async ({ home, elsewhere, page, user }) => {
    await elsewhere.signIn(user);
    await home.open("/settings");
    const password = part(page, "Password");
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
    await elsewhere.open("/settings");
    await expect(elsewhere.page).toHaveURL("/signin?next=%2Fsettings");
    await home.open("/settings");
    await expect(part(page, "Devices").getByRole("row")).toHaveCount(2);

    await home.signOut();
    await home.isRefused(user);
    await home.signIn({ ...user, password: "four other plain words" });
  });

  test("must be at least 10 characters", async ({ home, page, user }) => {
    await home.open("/settings");
    const password = part(page, "Password");
    await password.getByLabel("Current password").fill(user.password);
    await password.getByLabel("New password").fill("short");
    await password.getByRole("button", { name: "Change password" }).click();
    await expect(password.getByLabel("New password")).toHaveAttribute("aria-invalid", "true");
    await expect(password.getByLabel("New password")).toHaveAccessibleDescription(/at least 10 characters/);
    expect(page.url()).not.toContain("short");
  });
});

test("devices are listed and signed out, one or all others", async ({ home, elsewhere, page, user }) => {
  await elsewhere.signIn(user);
  await home.open("/settings");
  const devices = part(page, "Devices");
  const [here, other] = [devices.getByRole("row", { name: "This device" }), devices.getByRole("button", { name: "Sign out Chrom" })];
  await expect(here).toContainText("127.0.0.1");
  await expect(other).toHaveCount(1);

  await other.click();
  await expect(page.getByText("Device signed out.")).toBeVisible();
  await expect(other).toHaveCount(0);
  await expect(here).toBeVisible();
  await expect(devices.getByRole("button", { name: "Sign out all other devices" })).toHaveCount(0);
  await elsewhere.open("/assistants");
  await expect(elsewhere.page).toHaveURL("/signin?next=%2Fassistants");

  await elsewhere.signIn(user);
  await home.open("/settings");
  await devices.getByRole("button", { name: "Sign out all other devices" }).click();
  await expect(page.getByText("All other devices are signed out.")).toBeVisible();
  await expect(devices.getByRole("row")).toHaveCount(2);
  await elsewhere.open("/keys");
  await expect(elsewhere.page).toHaveURL("/signin?next=%2Fkeys");
});

test.describe("two-factor", () => {
  test.use({ expectedComplaints: ["400 (Bad Request)"] });

  test("is set up, asks for a code and is turned off", async ({ home, page, user, reef }) => {
    await home.open("/settings");
    const secret = await startTwoFactor(page);
    await expect(page.getByRole("img", { name: /QR code/ })).toBeVisible();
    const code = page.getByLabel("Code from the app");
    await code.fill(wrongTotp(secret));
    await page.getByRole("button", { name: "Turn on two-factor" }).click();
    await expect(code).toHaveAttribute("aria-invalid", "true");
    await expect(code).toHaveAccessibleDescription(/That code is incorrect/);
    await expect(part(page, "Two-factor authentication").getByText("On", { exact: true })).toHaveCount(0);

    const codes = await turnOn(page, secret);
    expect(new Set(codes).size).toBe(10);
    const [recovery = "", another = "", last = ""] = codes;
    await expect(page.getByText("10 recovery codes left.")).toBeVisible();
    await home.open("/settings");
    await expect(page.getByText(recovery)).toHaveCount(0);
    await expect(page.getByText(secret)).toHaveCount(0);

    await home.signOut();
    const give = async (typed: string) => {
      await page.getByLabel("Code", { exact: true }).fill(typed);
      await page.getByRole("button", { name: "Sign in" }).click();
    };
    await home.trySigningIn(user);
    await expect(page).toHaveURL("/signin/code");
    await give(wrongTotp(secret));
    await expect(page.getByLabel("Code", { exact: true })).toHaveAccessibleDescription(/That code is incorrect/);
    // The password alone does not sign in.
    await home.open("/assistants");
    await expect(page).toHaveURL("/signin?next=%2Fassistants");
    await home.open("/signin/code");
    // The current code was used to turn two-factor on.
    await give(totp(secret, Date.now() + 30_000));
    await expect(page).toHaveURL("/assistants");

    await home.signOut();
    await home.trySigningIn(user);
    await give(recovery);
    await expect(page).toHaveURL("/assistants");
    await home.signOut();
    await home.trySigningIn(user);
    await give(recovery);
    await expect(page.getByLabel("Code", { exact: true })).toHaveAccessibleDescription(/already used/);
    await give(another);
    await expect(page).toHaveURL("/assistants");

    await home.open("/settings");
    await expect(page.getByText("8 recovery codes left.")).toBeVisible();
    const dialog = await home.ask("Turn off two-factor");
    await dialog.getByLabel("Password").fill(user.password);
    await dialog.getByLabel("Code").fill(last);
    await dialog.getByRole("button", { name: "Turn off two-factor" }).click();
    await expect(page.getByText("Two-factor is off. You sign in with your password only.")).toBeVisible();
    await home.signOut();
    await home.signIn(user);

    const log = await reef.log();
    for (const word of [secret, ...codes]) expect(log).not.toContain(word);
  });

  test("gets new recovery codes, which replace the old ones", async ({ home, page }) => {
    await home.open("/settings");
    const before = await turnOn(page, await startTwoFactor(page));
    const [used = "", replaced = ""] = before;
    const renew = async (code: string) => {
      const dialog = await home.ask("New recovery codes");
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
  test.use({ expectedComplaints: ["400 (Bad Request)", "401 (Unauthorized)"] });

  test("is deleted with everything in it, which the dialog lists first", async ({ home, page, user, reef, request }) => {
    const token = botToken();
    await home.activeAssistant("Coral", token);
    const key = await reef.createKey(user.email);
    const status = async () => (await request.get("/api/v1/assistants", { headers: { "X-API-Key": key } })).status();
    expect(await status()).toBe(200);

    await home.open("/settings");
    const dialog = await home.ask("Delete account");
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
    await home.open("/settings");
    await expect(page).toHaveURL("/signin?next=%2Fsettings");
    await home.isRefused(user);
  });
});
