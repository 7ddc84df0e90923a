import { randomUUID } from "node:crypto";
import { expect, test } from "../support/signed-in.ts";

test("visitor signs up, signs out and signs in again", async ({ dashboard, page }) => {
  const user = { email: `${randomUUID()}@example.com`, password: "four plain words here" };
  await dashboard.open("/");
  await page.getByRole("main").getByRole("link", { name: "Sign up" }).click();
  await page.getByLabel("Email").fill(user.email);
  await page.getByLabel("Password").fill(user.password);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page).toHaveURL("/assistants");
  await expect(page.getByRole("banner").getByText(user.email)).toBeVisible();
  await expect(page.getByRole("link", { name: "Create your first assistant" })).toBeVisible();

  await dashboard.open("/");
  await expect(page.getByRole("link", { name: "Go to dashboard" })).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("main").getByRole("link", { name: "Sign in" })).toBeVisible();
  await dashboard.open("/assistants");
  await expect(page).toHaveURL("/signin?next=%2Fassistants");

  await dashboard.signIn(user);
  await expect(page.getByRole("banner").getByText(user.email)).toBeVisible();
});

test("sign-in leads to the requested page of this site only", async ({ dashboard, page, user }) => {
  const signIn = async () => {
    await page.getByLabel("Email").fill(user.email);
    await page.getByLabel("Password").fill(user.password);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  await dashboard.open("/keys");
  await signIn();
  await expect(page).toHaveURL("/keys");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL("/");

  await dashboard.open("/signin?next=//elsewhere.example/");
  await signIn();
  await expect(page).toHaveURL("/assistants");
});

test.describe("wrong values", () => {
  // Chromium logs every error status.
  test.use({ expectedErrors: ["400 (Bad Request)", "401 (Unauthorized)"] });

  test("in sign-up are shown at the field, and the email stays", async ({ dashboard, page, user }) => {
    await dashboard.open("/signup");
    for (const password of ["short", "too short"]) {
      await page.getByLabel("Email").fill("ann@example.com");
      await page.getByLabel("Password").fill(password);
      // With scripts, the browser validates a field that loses the focus, and its issue moves the button.
      await page.getByLabel("Password").blur();
      await dashboard.sendRefused(page.getByRole("button", { name: "Create account" }));
      await expect(page.getByLabel("Password")).toHaveAttribute("aria-invalid", "true");
      await expect(page.getByLabel("Password")).toHaveAccessibleDescription(/at least 10 characters/);
      await expect(page.getByLabel("Email")).toHaveValue("ann@example.com");
    }
    // The URL has nothing of the errors.
    await expect(page).toHaveURL("/signup");

    await page.getByLabel("Email").fill(user.email);
    await page.getByLabel("Password").fill("long enough for anybody");
    await page.getByRole("button", { name: "Create account" }).click();
    await expect(page.getByText("An account with this email already exists")).toBeVisible();
  });

  test("in sign-in show an error and clear the password", async ({ dashboard, page, user }) => {
    await dashboard.open("/signin?next=%2Fkeys");
    await page.getByLabel("Email").fill(user.email);
    await page.getByLabel("Password").fill("not my password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("alert")).toContainText("Incorrect email or password");
    await expect(page.getByLabel("Email")).toHaveValue(user.email);
    expect(page.url()).not.toContain("not my password");

    await page.getByLabel("Password").fill(user.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL("/keys");
  });
});
