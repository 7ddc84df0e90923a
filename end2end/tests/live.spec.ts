import type { Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

// Pages without scripts do not follow changes.
test.skip(({ javaScriptEnabled }) => !javaScriptEnabled, "needs scripts");

test("change is shown in all tabs within a second", async ({ member, page, user, reef, request }) => {
  const path = await member.createAssistant("Cal", botToken());
  const other = await page.context().newPage();
  await other.goto("/assistants");
  await other.locator("html[data-live]").waitFor();
  await expect(other.getByRole("row", { name: /Cal/ })).toContainText("Active");

  const key = await reef.createKey(user.email);
  const stop = await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  expect(stop.status()).toBe(200);
  await expect(other.getByRole("row", { name: /Cal/ })).toContainText("Stopped", { timeout: 1000 });
  await expect(page.getByRole("region", { name: "Status" })).toContainText("Stopped", { timeout: 1000 });

  // A change in one tab is shown in the other.
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(other.getByRole("row", { name: /Cal/ })).toContainText("Active", { timeout: 3000 });

  // A deleted assistant leaves the list, and its page leads to the receipt.
  await request.delete(`/api/v1${path}`, { headers: { "X-API-Key": key } });
  await expect(other.getByRole("link", { name: "Create your first assistant" })).toBeVisible({ timeout: 1000 });
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Cal was deleted");
  await expect(page).toHaveURL(/\/receipts\/[0-9a-f-]{36}$/);
  await expect(page.getByText(/^Canceled on/)).toBeVisible();
});

test("typed values stay when the status changes", async ({
  member,
  page,
  user,
  reef,
  request,
}) => {
  const path = await member.createAssistant("Dora", botToken(), "https://callbacks.sandbox.test/dora");
  await member.openDetails("Edit");
  await page.getByLabel("Name").fill("Dora the second");
  const key = await reef.createKey(user.email);
  const test = await request.post(`/api/v1${path}/callbacks/test`, { headers: { "X-API-Key": key } });
  expect(test.ok()).toBe(true);
  const delivery = page.getByRole("region", { name: "Webhooks" }).getByRole("listitem").filter({ hasText: "assistant.test" });
  await expect(delivery.first()).toContainText("Delivered");
  await expect(page.getByLabel("Name")).toHaveValue("Dora the second");
  // A stopped assistant has a different form, which still has what was typed.
  await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  await member.waitForStatus("stopped");
  await expect(page.getByRole("button", { name: "Save without deploying" })).toBeVisible();
  await expect(page.getByLabel("Name")).toHaveValue("Dora the second");
  // A value that was changed in another tab, and not in this form, stays.
  const model = { modelId: "claude-opus-5" };
  expect((await request.patch(`/api/v1${path}`, { headers: { "X-API-Key": key }, data: model })).ok()).toBe(true);
  await page.getByRole("button", { name: "Save without deploying" }).click();
  await expect(page.getByText("Saved. Takes effect the next time your assistant starts.")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Dora the second");
  await expect(page.getByText("Claude Opus 5 (")).toBeVisible();
});

test("focus stays when regions are replaced", async ({ member, page, user, reef, request }) => {
  const path = await member.createAssistant("Finn", botToken());
  await member.createAssistant("Gus", botToken());
  await member.open("/assistants");
  const link = page.getByRole("link", { name: "Finn" });
  await link.focus();
  const key = await reef.createKey(user.email);
  await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  await expect(page.getByRole("row", { name: /Finn/ })).toContainText("Stopped");
  await expect(page.getByText("2 assistants · 1 active · 1 stopped")).toBeVisible();
  await expect(link).toBeFocused();

  // When the focused control is gone, the next key continues in its region.
  await member.open(path);
  const redeploy = page.getByRole("button", { name: "Start", exact: true });
  await redeploy.focus();
  await request.post(`/api/v1${path}/redeploy`, { headers: { "X-API-Key": key } });
  await member.waitForStatus("active");
  await page.keyboard.press("Tab");
  const inside = await page.evaluate(() => document.activeElement?.closest("[data-region]") !== null);
  expect(inside, "the focus is not at the top of the page").toBe(true);
});

test("notice is shown once", async ({ member, page }) => {
  const path = await member.createAssistant("Hal", botToken(), "https://callbacks.sandbox.test/hal");
  await page.getByRole("button", { name: "Send test event" }).click();
  await expect(page.getByText("Test event sent.")).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`${path}#webhooks$`));
  await page.reload();
  await expect(page.getByText("Test event sent.")).toHaveCount(0);
});

test("deployment of a change ends with a notice", async ({ member, page, request }) => {
  test.setTimeout(90_000);
  // The deployment must still be running when its page is shown.
  const slow = { path: "*/setWebhook", delayMs: 2000, times: 1 };
  await member.createAssistant("Ned", botToken());
  const save = page.getByRole("button", { name: "Save", exact: true });
  await request.put("/sandbox/faults", { data: [slow] });
  await member.openDetails("Edit");
  await page.getByLabel("Model", { exact: true }).selectOption("anthropic:claude-opus-5");
  await save.click();
  await member.waitForStatus("deploying");
  await expect(page.getByText("Your assistant is live.", { exact: true })).toBeVisible({ timeout: 25_000 });
  await member.waitForStatus("active");

  await request.put("/sandbox/faults", { data: [slow] });
  await member.openDetails("Edit");
  await page.getByLabel("New Telegram bot token").fill(botToken("conflict"));
  await save.click();
  await member.waitForStatus("deploying");
  await expect(page.getByText("Deployment failed.", { exact: true })).toBeVisible({ timeout: 25_000 });
  await request.put("/sandbox/faults", { data: [] });
});

test("hidden tab disconnects, and is up to date when it is shown", async ({ member, page, user, reef, request }) => {
  const path = await member.createAssistant("Kim", botToken());
  const key = await reef.createKey(user.email);
  await page.clock.install();
  await member.open(path);
  await setVisible(page, false);
  await page.clock.runFor(20_000);
  await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  await page.waitForTimeout(1000);
  await expect(page.getByRole("region", { name: "Status" })).toContainText("Active");
  await setVisible(page, true);
  await expect(page.getByRole("region", { name: "Status" })).toContainText("Stopped", { timeout: 1000 });
  await expect(page.getByText("Connection lost, reconnecting…")).toHaveCount(0);
});

/** Simulates that the tab is hidden or shown. */
async function setVisible(page: Page, visible: boolean): Promise<void> {
  await page.evaluate((visible) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => !visible });
    document.dispatchEvent(new Event("visibilitychange"));
  }, visible);
}

test.describe("a refresh that fails", () => {
  test.use({ expectedErrors: ["503 (Service Unavailable)", "response: 503"] });

  test("is repeated until it succeeds", async ({ member, page, user, reef, request }) => {
    const path = await member.createAssistant("Lou", botToken());
    const key = await reef.createKey(user.email);
    let refused = 0;
    await page.route(`**${path}`, (route) => {
      refused += 1;
      return route.fulfill({ status: 503 });
    });
    await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
    // A stop causes one or two events, so more requests are retries.
    await expect.poll(() => refused, { timeout: 20_000 }).toBeGreaterThan(3);
    await page.unrouteAll();
    await member.waitForStatus("stopped");
  });
});

test.describe("a stream that is refused", () => {
  test.use({ expectedErrors: ["502 (Bad Gateway)", "response: 502", "EventSource"] });

  test("is reconnected", async ({ member, page, user, reef, request }) => {
    const path = await member.createAssistant("Ida", botToken());
    // This is how proxies respond while the server restarts.
    await page.route("**/live/**", (route) => route.fulfill({ status: 502 }));
    await page.goto(path);
    const lost = page.getByText("Connection lost, reconnecting…");
    await expect(lost).toBeVisible();
    await page.unrouteAll();
    await expect(lost).toHaveCount(0, { timeout: 10_000 });
    const key = await reef.createKey(user.email);
    await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
    await member.waitForStatus("stopped");
  });
});

test.describe("a server that crashes", () => {
  test.use({ expectedErrors: ["ERR_CONNECTION", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE"] });

  test("is reported on the page, which then recovers automatically", async ({ member, page, user, reef, request }) => {
    const path = await member.createAssistant("Eve", botToken());
    const key = await reef.createKey(user.email);
    const lost = page.getByText("Connection lost, reconnecting…");
    await expect(lost).toHaveCount(0);
    await reef.crashDuring(() => expect(lost).toBeVisible());
    await expect(lost).toHaveCount(0, { timeout: 10_000 });
    await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
    await member.waitForStatus("stopped");
  });
});
