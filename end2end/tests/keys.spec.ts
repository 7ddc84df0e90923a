import type { APIRequestContext, Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

/** Finds the new key on the page. */
const newKey = (page: Page) => page.getByRole("group", { name: "New API key" }).locator("code");
/** Sends an API request with a key and returns the status. */
const status = async (request: APIRequestContext, key: string, path: string) =>
  (await request.get(`/api/v1${path}`, { headers: { "X-API-Key": key } })).status();

test("new key is shown once, works and can be revoked", async ({ member, page, request }) => {
  await member.open("/keys");
  await page.getByLabel("Name").fill("deploy script");
  await page.getByLabel("Write: buy").uncheck();
  await page.getByLabel("Expiration").selectOption("30");
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await newKey(page).innerText();
  expect(key).toMatch(/^reef_live_[0-9a-f]{48}$/);
  const row = page.getByRole("row", { name: /deploy script/ });
  await expect(row).toContainText("Read");
  await expect(row).not.toContainText("Write");
  const curl = page.getByRole("region", { name: "A first request with the new key" });
  await expect(curl).toHaveText(`curl ${new URL(page.url()).origin}/api/v1/assistants \\\n  -H "X-API-Key: ${key}"`);

  const callApi = async (method: "get" | "post", path: string) =>
    (await request[method](`/api/v1${path}`, { headers: { "X-API-Key": key }, data: method === "post" ? { apiMode: "byok" } : undefined })).status();
  expect(await callApi("get", "/assistants")).toBe(200);
  expect(await callApi("post", "/assistants/purchase")).toBe(403);

  await member.open("/keys");
  await expect(page.getByRole("row", { name: /deploy script/ })).toBeVisible();
  await expect(page.getByText(key)).toHaveCount(0);

  await (await member.openDialog("Revoke deploy script")).getByRole("button", { name: "Revoke key" }).click();
  await expect(page.getByText("Key revoked.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "No API keys yet" })).toBeVisible();
  expect(await callApi("get", "/assistants")).toBe(401);
});

test("limited key sees only its assistant", async ({ member, page, request }) => {
  test.slow();
  const one = await member.createAssistant("Coral", botToken());
  const other = await member.createAssistant("Anemone", botToken());
  await member.open("/keys");
  await page.getByLabel("Name").fill("only Coral");
  await page.getByLabel("Selected assistants").check();
  await page.getByLabel(/^Coral \(active, created/).check();
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await newKey(page).innerText();
  await expect(page.getByRole("row", { name: /only Coral/ })).toContainText("Only Coral");
  expect(await status(request, key, one)).toBe(200);
  expect(await status(request, key, other)).toBe(404);
  const list = await request.get("/api/v1/assistants", { headers: { "X-API-Key": key } });
  expect((await list.json()).data.map(({ name }: { name: string }) => name)).toEqual(["Coral"]);
  const bought = await request.post("/api/v1/assistants/purchase", { headers: { "X-API-Key": key }, data: { apiMode: "byok" } });
  expect(bought.status()).toBe(403);
});

test("key is rotated with an overlap, and then immediately", async ({ member, page, request }) => {
  await member.open("/keys");
  await page.getByLabel("Name").fill("worker");
  await page.getByRole("button", { name: "Create key" }).click();
  const first = await newKey(page).innerText();

  const rotate = async (overlap: string) => {
    const dialog = await member.openDialog("Rotate worker");
    await dialog.getByLabel("Old key expires").selectOption({ label: overlap });
    await dialog.getByRole("button", { name: "Rotate key" }).click();
    await expect(page.getByText("Copy your key now")).toBeVisible();
    return newKey(page).innerText();
  };
  await member.open("/keys");
  const second = await rotate("In 1 hour");
  expect(second).not.toBe(first);
  for (const key of [first, second]) expect(await status(request, key, "/assistants")).toBe(200);
  const replaced = page.getByRole("row", { name: new RegExp(first.slice(0, 14)) });
  await expect(replaced).toContainText("Being replaced");
  // A key that was rotated cannot be rotated again.
  await expect(page.getByRole("button", { name: "Rotate worker" })).toHaveCount(1);

  await member.open("/keys");
  const third = await rotate("Immediately");
  expect(await status(request, second, "/assistants")).toBe(401);
  expect(await status(request, third, "/assistants")).toBe(200);
  await replaced.getByRole("link", { name: "worker" }).click();
  await page.getByRole("link", { name: "The new key" }).click();
  await expect(page.locator(".badge", { hasText: "Revoked" })).toBeVisible();
});

test("page of a key shows its permissions and requests", async ({ member, page, request }) => {
  await member.open("/keys");
  await page.getByLabel("Name").fill("curious");
  await page.getByLabel("Write: buy").uncheck();
  await page.getByLabel("Expiration").selectOption({ label: "30 days" });
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await newKey(page).innerText();
  const format = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeZone: "UTC" });
  const last = format.format(Date.now() + 30 * 24 * 3600 * 1000);
  await expect(page.getByRole("row", { name: /curious/ })).toContainText(last);
  await page.getByRole("link", { name: "curious" }).click();
  await expect(page.getByRole("heading", { name: "No requests yet" })).toBeVisible();
  await expect(page.getByRole("region", { name: "A first request" })).toContainText("$REEF_API_KEY");
  await expect(page.getByText(last)).toBeVisible();
  await expect(page.getByText(key)).toHaveCount(0);

  expect(await status(request, key, "/assistants?limit=5")).toBe(200);
  expect(await status(request, key, "/assistants/01890a5d-ac96-774b-bcce-b302099a8057")).toBe(404);
  const refused = await request.post("/api/v1/assistants/purchase", { headers: { "X-API-Key": key }, data: { apiMode: "byok" } });
  expect(refused.status()).toBe(403);
  const asked = page.getByRole("row");
  await expect(async () => {
    await page.getByRole("link", { name: "Refresh" }).click();
    await expect(asked).toHaveCount(4, { timeout: 250 });
  }).toPass({ timeout: 30_000 });
  await expect(asked.nth(1)).toContainText(/POST \/api\/v1\/assistants\/purchase.*403/);
  await expect(asked.nth(2)).toContainText(/GET \/api\/v1\/assistants\/01890a5d-ac96-774b-bcce-b302099a8057.*404/);
  await expect(asked.nth(3)).toContainText(/GET \/api\/v1\/assistants.*200/);
});

test.describe("another user's key", () => {
  test.use({ expectedErrors: ["404 (Not Found)"] });

  test("has no page", async ({ member, otherBrowser, page, reef }) => {
    const stranger = { email: `stranger-${Date.now()}@example.com`, password: "a stranger's password" };
    await reef.createUser(stranger.email, stranger.password);
    await reef.createKey(stranger.email, "other");
    await otherBrowser.signIn(stranger);
    await otherBrowser.open("/keys");
    const path = (await otherBrowser.page.getByRole("link", { name: "other" }).getAttribute("href")) ?? "";
    expect(await otherBrowser.open(path)).toBe(200);
    expect(await member.open(path)).toBe(404);
    await expect(page.getByText("other")).toHaveCount(0);
  });
});

test("double click creates one key and shows it", async ({ member, page, request }) => {
  await member.open("/keys");
  await page.getByLabel("Name").fill("twice");
  await page.getByRole("button", { name: "Create key" }).dblclick();
  const key = await page.getByRole("group", { name: "New API key" }).locator("code").innerText();
  await expect(page.getByRole("link", { name: "twice" })).toHaveCount(1);
  expect((await request.get("/api/v1/me", { headers: { "X-API-Key": key } })).status()).toBe(200);
});

test.describe("a key for selected assistants", () => {
  test.use({ expectedErrors: ["400 (Bad Request)"] });

  test("is not created while none is selected", async ({ member, page }) => {
    await member.order("Managed");
    await member.open("/keys");
    await page.getByLabel("Name").fill("useless");
    await page.getByLabel("Selected assistants").check();
    await page.getByRole("button", { name: "Create key" }).click();
    await expect(page.getByText("Select at least one assistant, or choose All assistants.")).toBeVisible();
    await expect(page.getByLabel("Selected assistants")).toBeChecked();
    await expect(page.getByLabel("Name")).toHaveValue("useless");
    await expect(page.getByRole("heading", { name: "No API keys yet" })).toBeVisible();
  });
});

test.describe("a key without a scope", () => {
  test.use({ expectedErrors: ["400 (Bad Request)"] });

  test("is not created, and what was typed stays", async ({ member, page }) => {
    await member.open("/keys");
    await page.getByLabel("Name").fill("useless");
    await page.getByLabel("Read: view").uncheck();
    await page.getByLabel("Write: buy").uncheck();
    await page.getByRole("button", { name: "Create key" }).click();
    await expect(page.getByText("A key needs at least one scope.")).toBeVisible();
    await expect(page.getByLabel("Name")).toHaveValue("useless");
    await expect(page.getByLabel("Read: view")).not.toBeChecked();
    await expect(page.getByRole("heading", { name: "No API keys yet" })).toBeVisible();
  });
});

test("signing secret is shown on demand and rotated", async ({ member, page }) => {
  await member.open("/keys");
  const secret = page.getByRole("group", { name: "Webhook signing secret", includeHidden: true }).locator("code");
  await expect(secret).toBeHidden();
  await member.openDetails("Show secret");
  const before = await secret.innerText();
  expect(before).toMatch(/^whsec_/);
  const dialog = await member.openDialog("Rotate the signing secret");
  await dialog.getByRole("button", { name: "Rotate secret" }).click();
  await expect(page.getByText("Signing secret rotated.")).toBeVisible();
  await member.openDetails("Show secret");
  await expect(secret).toHaveText(/^whsec_/);
  await expect(secret).not.toHaveText(before);
});

test.describe("a form that was rendered before the password was required", () => {
  // Chromium logs every error status.
  test.use({ expectedErrors: ["400 (Bad Request)"] });

  test("gets a password field with the reason, and keeps what was typed", async ({ member, page, user, javaScriptEnabled }) => {
    test.skip(!javaScriptEnabled, "without scripts the server renders the field: server/tests/http/recent_password.rs");
    await member.open("/keys");
    await page.getByLabel("Name").fill("late script");
    await page.getByLabel("Write: buy").uncheck();
    const message = "Enter your password to continue.";
    const refusal = { code: "INVALID_REQUEST", message, issues: [{ path: "password", code: "required", message }], values: [], is_signed_out: false };
    await page.route("**/_fn/create_key", (route) => route.fulfill({ status: 400, json: refusal }), { times: 1 });
    const form = page.getByRole("region", { name: "New key" });
    const create = async () => form.getByRole("button", { name: "Create key" }).click();
    await create();
    const field = form.getByLabel("Your password");
    await expect(field).toBeFocused();
    await expect(field).toHaveAccessibleDescription(`For your security, confirm your password to create a key. ${message}`);
    await expect(form.getByLabel("Name")).toHaveValue("late script");
    const [above, below] = [await form.getByLabel("Expiration").boundingBox(), await field.boundingBox()];
    expect(below?.width, "as wide as the others").toBe(above?.width);

    await field.fill("not my password");
    await create();
    await expect(field).toHaveAccessibleDescription(/Incorrect password/);
    await expect(field).toHaveCount(1);
    await field.fill(user.password);
    await create();
    await expect(newKey(page)).toHaveText(/^reef_live_/);
    await expect(page.getByRole("row", { name: /late script/ })).not.toContainText("Write");
    expect(page.url()).not.toContain("password");
  });
});
