import type { APIRequestContext, Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

/** The key that the page has just handed over. */
const newKey = (page: Page) => page.getByRole("group", { name: "New API key" }).locator("code");
/** How the API answers to a key. */
const status = async (request: APIRequestContext, key: string, path: string) =>
  (await request.get(`/api/v1${path}`, { headers: { "X-API-Key": key } })).status();

test("a key is shown once, works, and is revoked", async ({ home, page, request }) => {
  await home.open("/keys");
  await page.getByLabel("Name").fill("deploy script");
  await page.getByLabel("write: buy").uncheck();
  await page.getByLabel("It expires").selectOption("30");
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await newKey(page).innerText();
  expect(key).toMatch(/^reef_live_[0-9a-f]{48}$/);
  const row = page.getByRole("row", { name: /deploy script/ });
  await expect(row).toContainText("read");
  await expect(row).not.toContainText("write");
  const curl = page.getByRole("region", { name: "A first request with the new key" });
  await expect(curl).toHaveText(`curl ${new URL(page.url()).origin}/api/v1/assistants \\\n  -H "X-API-Key: ${key}"`);

  const asks = async (method: "get" | "post", path: string) =>
    (await request[method](`/api/v1${path}`, { headers: { "X-API-Key": key }, data: method === "post" ? { apiMode: "byok" } : undefined })).status();
  expect(await asks("get", "/assistants")).toBe(200);
  expect(await asks("post", "/assistants/purchase")).toBe(403);

  await home.open("/keys");
  await expect(page.getByRole("row", { name: /deploy script/ })).toBeVisible();
  await expect(page.getByText(key)).toHaveCount(0);

  await (await home.ask("Revoke deploy script")).getByRole("button", { name: "Revoke this key" }).click();
  await expect(page.getByText("The key is revoked")).toBeVisible();
  await expect(page.getByRole("heading", { name: "No key yet" })).toBeVisible();
  expect(await asks("get", "/assistants")).toBe(401);
});

test("a key that is limited to one assistant sees no other", async ({ home, page, request }) => {
  test.slow();
  const one = await home.activeAssistant("Coral", botToken());
  const other = await home.activeAssistant("Anemone", botToken());
  await home.open("/keys");
  await page.getByLabel("Name").fill("only Coral");
  await page.getByLabel("Only chosen ones").check();
  await page.getByLabel(/^Coral \(active, ordered on/).check();
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await newKey(page).innerText();
  await expect(page.getByRole("row", { name: /only Coral/ })).toContainText("only Coral");
  expect(await status(request, key, one)).toBe(200);
  expect(await status(request, key, other)).toBe(404);
  const list = await request.get("/api/v1/assistants", { headers: { "X-API-Key": key } });
  expect((await list.json()).data.map(({ name }: { name: string }) => name)).toEqual(["Coral"]);
  const bought = await request.post("/api/v1/assistants/purchase", { headers: { "X-API-Key": key }, data: { apiMode: "byok" } });
  expect(bought.status()).toBe(403);
});

test("a key is rotated without a gap, and then at once", async ({ home, page, request }) => {
  await home.open("/keys");
  await page.getByLabel("Name").fill("worker");
  await page.getByRole("button", { name: "Create key" }).click();
  const first = await newKey(page).innerText();

  const rotate = async (present: string) => {
    const dialog = await home.ask("Rotate worker");
    await dialog.getByLabel("The present key ends").selectOption({ label: present });
    await dialog.getByRole("button", { name: "Make the new key" }).click();
    await expect(page.getByText("Copy your key now")).toBeVisible();
    return newKey(page).innerText();
  };
  await home.open("/keys");
  const second = await rotate("after an hour");
  expect(second).not.toBe(first);
  for (const key of [first, second]) expect(await status(request, key, "/assistants")).toBe(200);
  const replaced = page.getByRole("row", { name: new RegExp(first.slice(0, 14)) });
  await expect(replaced).toContainText("being replaced");
  // It is not rotated again: there is a newer one.
  await expect(page.getByRole("button", { name: "Rotate worker" })).toHaveCount(1);

  await home.open("/keys");
  const third = await rotate("at once");
  expect(await status(request, second, "/assistants")).toBe(401);
  expect(await status(request, third, "/assistants")).toBe(200);
  await replaced.getByRole("link", { name: "worker" }).click();
  await page.getByRole("link", { name: "the key made in its place" }).click();
  await expect(page.getByText("revoked", { exact: true })).toBeVisible();
});

test("a key's own page says what it may and what it asked for", async ({ home, page, request }) => {
  await home.open("/keys");
  await page.getByLabel("Name").fill("curious");
  await page.getByLabel("write: buy").uncheck();
  await page.getByLabel("It expires").selectOption({ label: "after 30 days" });
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await newKey(page).innerText();
  const format = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeZone: "UTC" });
  const last = format.format(Date.now() + 30 * 24 * 3600 * 1000);
  await expect(page.getByRole("row", { name: /curious/ })).toContainText(last);
  await page.getByRole("link", { name: "curious" }).click();
  await expect(page.getByRole("heading", { name: "Nothing was asked with this key yet" })).toBeVisible();
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

test.describe("somebody else's key", () => {
  test.use({ expectedComplaints: ["404 (Not Found)"] });

  test("has no page", async ({ home, elsewhere, page, reef }) => {
    const stranger = { email: `stranger-${Date.now()}@example.com`, password: "a stranger's password" };
    await reef.createUser(stranger.email, stranger.password);
    await reef.createKey(stranger.email, "theirs");
    await elsewhere.signIn(stranger);
    await elsewhere.open("/keys");
    const path = (await elsewhere.page.getByRole("link", { name: "theirs" }).getAttribute("href")) ?? "";
    expect(await elsewhere.open(path)).toBe(200);
    expect(await home.open(path)).toBe(404);
    await expect(page.getByText("theirs")).toHaveCount(0);
  });
});

test("a double click makes one key, and it is the one that is shown", async ({ home, page, request }) => {
  await home.open("/keys");
  await page.getByLabel("Name").fill("twice");
  await page.getByRole("button", { name: "Create key" }).dblclick();
  const key = await page.getByRole("group", { name: "New API key" }).locator("code").innerText();
  await expect(page.getByRole("link", { name: "twice" })).toHaveCount(1);
  expect((await request.get("/api/v1/me", { headers: { "X-API-Key": key } })).status()).toBe(200);
});

test.describe("a key for chosen assistants", () => {
  test.use({ expectedComplaints: ["400 (Bad Request)"] });

  test("is not made while none is chosen", async ({ home, page }) => {
    await home.order("Managed");
    await home.open("/keys");
    await page.getByLabel("Name").fill("useless");
    await page.getByLabel("Only chosen ones").check();
    await page.getByRole("button", { name: "Create key" }).click();
    await expect(page.getByText("Tick at least one assistant, or let the key reach all of them.")).toBeVisible();
    await expect(page.getByLabel("Only chosen ones")).toBeChecked();
    await expect(page.getByLabel("Name")).toHaveValue("useless");
    await expect(page.getByRole("heading", { name: "No key yet" })).toBeVisible();
  });
});

test.describe("a key without a scope", () => {
  test.use({ expectedComplaints: ["400 (Bad Request)"] });

  test("is not made, and what was typed stays", async ({ home, page }) => {
    await home.open("/keys");
    await page.getByLabel("Name").fill("useless");
    await page.getByLabel("read: look").uncheck();
    await page.getByLabel("write: buy").uncheck();
    await page.getByRole("button", { name: "Create key" }).click();
    await expect(page.getByText("A key needs at least one scope.")).toBeVisible();
    await expect(page.getByLabel("Name")).toHaveValue("useless");
    await expect(page.getByLabel("read: look")).not.toBeChecked();
    await expect(page.getByRole("heading", { name: "No key yet" })).toBeVisible();
  });
});

test("the signing secret is shown on demand and rotated", async ({ home, page }) => {
  await home.open("/keys");
  const secret = page.getByRole("group", { name: "Callback signing secret", includeHidden: true }).locator("code");
  await expect(secret).toBeHidden();
  await home.unfold("Show the secret");
  const before = await secret.innerText();
  expect(before).toMatch(/^whsec_/);
  const dialog = await home.ask("Rotate the signing secret");
  await dialog.getByRole("button", { name: "Make a new secret" }).click();
  await expect(page.getByText("There is a new signing secret.")).toBeVisible();
  await home.unfold("Show the secret");
  await expect(secret).toHaveText(/^whsec_/);
  await expect(secret).not.toHaveText(before);
});

test.describe("a form that was drawn before the password is due", () => {
  // The browser's own note about an answer that a script got.
  test.use({ expectedComplaints: ["400 (Bad Request)"] });

  test("gets its field, and keeps what was typed", async ({ home, page, user, javaScriptEnabled }) => {
    test.skip(!javaScriptEnabled, "without scripts the server draws the field: server/tests/http/password_again.rs");
    await home.open("/keys");
    await page.getByLabel("Name").fill("late script");
    await page.getByLabel("write: buy").uncheck();
    const message = "Enter your password to continue.";
    const refusal = { code: "INVALID_REQUEST", message, issues: [{ path: "password", code: "required", message }], values: [], is_signed_out: false };
    await page.route("**/_fn/create_key", (route) => route.fulfill({ status: 400, json: refusal }), { times: 1 });
    const form = page.getByRole("region", { name: "New key" });
    const create = async () => form.getByRole("button", { name: "Create key" }).click();
    await create();
    const field = form.getByLabel("Your password");
    await expect(field).toBeFocused();
    await expect(field).toHaveAccessibleDescription(message);
    await expect(form.getByLabel("Name")).toHaveValue("late script");
    const [above, below] = [await form.getByLabel("It expires").boundingBox(), await field.boundingBox()];
    expect(below?.width, "as wide as the others").toBe(above?.width);

    await field.fill("not my password");
    await create();
    await expect(field).toHaveAccessibleDescription(/Incorrect password/);
    await expect(field).toHaveCount(1);
    await field.fill(user.password);
    await create();
    await expect(newKey(page)).toHaveText(/^reef_live_/);
    await expect(page.getByRole("row", { name: /late script/ })).not.toContainText("write");
    expect(page.url()).not.toContain("password");
  });
});
