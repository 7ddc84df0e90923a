import { chromium } from "@playwright/test";
import { chromiumArguments, chromiumPath } from "../support/chromium.ts";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";
import { waitUntilLive } from "../support/test.ts";

test.describe("an assistant of another user", () => {
  test.use({ expectedErrors: ["404 (Not Found)"] });

  test("does not exist", async ({ member, page, reef, request }) => {
    await reef.createUser("other@example.com", "another user's password").catch(() => undefined);
    const key = await reef.createKey("other@example.com");
    const bought = await request.post("/api/v1/assistants/purchase", {
      headers: { "X-API-Key": key },
      data: { apiMode: "byok" },
    });
    const id = (await bought.json()).data.deploymentId;
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    for (const path of [id, "01890a5d-ac96-774b-bcce-b302099a8057", id.toUpperCase(), "dep_123"]) {
      expect(await member.open(`/assistants/${path}`), path).toBe(404);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Page not found");
    }
  });
});

test("private pages redirect visitors to sign in", async ({ dashboard, page }) => {
  for (const path of ["/assistants", "/assistants/new", "/assistants/01890a5d-ac96-774b-bcce-b302099a8057", "/keys"]) {
    await dashboard.open(path);
    const at = new URL(page.url());
    expect([at.pathname, at.searchParams.get("next")]).toEqual(["/signin", path]);
  }
});

test.describe("a session that has ended", () => {
  test.use({ expectedErrors: ["401 (Unauthorized)"] });

  test("leads to sign in from links and forms", async ({ member, page, user }) => {
    await member.open("/assistants");
    await page.context().clearCookies();
    await page.getByRole("link", { name: "API keys" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in");
    expect(new URL(page.url()).searchParams.get("next")).toBe("/keys");

    await member.signIn(user);
    await member.open("/assistants/new");
    await page.context().clearCookies();
    await page.getByLabel("Managed", { exact: true }).check();
    await page.getByRole("button", { name: "Continue to checkout" }).click();
    await expect(page.getByRole("main").getByText("Sign in", { exact: true }).first()).toBeVisible();
  });

  test("is not a wrong password, and what was typed stays", async ({ member, page, javaScriptEnabled }) => {
    test.skip(!javaScriptEnabled, "a plain form leads to the page for signing in");
    await member.order("Bring your own key");
    const path = await member.pay();
    await member.fillActivation({ name: "Ann", model: "anthropic:claude-sonnet-5", key: "sk-ant-good", token: botToken() });
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Activate" }).click();
    const link = page.getByRole("alert").getByRole("link", { name: "Sign in" });
    await expect(link).toHaveAttribute("href", `/signin?next=${encodeURIComponent(path)}`);
    await expect(page.getByLabel("Name")).toHaveValue("Ann");
  });
});

test("visitor gets no cookie", async ({ dashboard, page }) => {
  for (const path of ["/", "/signin", "/signup"]) await dashboard.open(path);
  expect(await page.context().cookies()).toEqual([]);
});

test("Back shows the reader's own page after signing in and after signing out", async ({ dashboard, page, user, javaScriptEnabled }) => {
  test.skip(!javaScriptEnabled, "without scripts, a browser may show a visitor's page that it has stored");
  const goesToDashboard = page.getByRole("link", { name: "Go to dashboard" });
  await dashboard.open("/");
  await expect(goesToDashboard).toBeHidden();
  await dashboard.open("/docs");
  await dashboard.signIn(user);
  // The pages before: /signin, /docs, /.
  for (let steps = 0; steps < 3; steps += 1) {
    await page.goBack();
    await expect(page.getByRole("button", { name: "Sign out", exact: true })).toBeVisible();
  }
  await expect(goesToDashboard).toBeVisible();
  await dashboard.open("/assistants");
  await dashboard.signOut();
  await page.goBack();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in");
  await page.goBack();
  await expect(page.getByRole("button", { name: "Sign out", exact: true })).toBeHidden();
});

test("Back to a page that the browser has kept running shows the user's page", async ({ user, reef, javaScriptEnabled }) => {
  test.skip(!javaScriptEnabled, "without scripts, the page that was kept is shown");
  // Playwright turns the back/forward cache off.
  const ignoreDefaultArgs = ["--disable-back-forward-cache"];
  const browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumArguments, ignoreDefaultArgs });
  const page = await browser.newPage({ baseURL: reef.url });
  for (const path of ["/", "/signin"]) await page.goto(path);
  await waitUntilLive(page, true);
  await page.getByLabel("Email").fill(user.email);
  await page.getByLabel("Password").fill(user.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL("/assistants");
  for (const path of ["/signin", "/"]) {
    await page.evaluate(() => history.back());
    await expect(page).toHaveURL(path);
    await expect(page.getByRole("button", { name: "Sign out", exact: true })).toBeVisible();
  }
  await browser.close();
});

test("content security policy blocks foreign scripts", async ({ dashboard, page }) => {
  const answer = await page.goto("/signin");
  const policy = answer?.headers()["content-security-policy"] ?? "";
  expect(policy).toMatch(/script-src 'self' ('sha256-[^']+' )+'wasm-unsafe-eval'/);
  await dashboard.open("/");
  expect(await page.locator("[style]").count()).toBe(0);
});
