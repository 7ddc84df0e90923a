import type { Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

// A plain page shows what was when it was loaded: these are about pages that follow.
test.skip(({ javaScriptEnabled }) => !javaScriptEnabled, "needs scripts");

test("two tabs show the same within a second, whoever changes it", async ({ home, page, user, reef, request }) => {
  const path = await home.activeAssistant("Cal", botToken());
  const other = await page.context().newPage();
  await other.goto("/assistants");
  await other.locator("html[data-live]").waitFor();
  await expect(other.getByRole("row", { name: /Cal/ })).toContainText("active");

  const key = await reef.createKey(user.email);
  const stop = await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  expect(stop.status()).toBe(200);
  await expect(other.getByRole("row", { name: /Cal/ })).toContainText("stopped", { timeout: 1000 });
  await expect(page.getByRole("region", { name: "Status" })).toContainText("stopped", { timeout: 1000 });

  // From one tab to the other.
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(other.getByRole("row", { name: /Cal/ })).toContainText("active", { timeout: 3000 });

  // What is deleted elsewhere leaves the list, and its page leads to the receipt.
  await request.delete(`/api/v1${path}`, { headers: { "X-API-Key": key } });
  await expect(other.getByRole("link", { name: "Create your first assistant" })).toBeVisible({ timeout: 1000 });
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Cal was deleted");
  await expect(page).toHaveURL(/\/receipts\/[0-9a-f-]{36}$/);
  await expect(page.getByText(/^Canceled on/)).toBeVisible();
});

test("what is being typed stays when news arrive, and a changed status is shown all the same", async ({
  home,
  page,
  user,
  reef,
  request,
}) => {
  const path = await home.activeAssistant("Dora", botToken(), "https://callbacks.sandbox.test/dora");
  await home.unfold("Edit");
  await page.getByLabel("Name").fill("Dora the second");
  const key = await reef.createKey(user.email);
  const test = await request.post(`/api/v1${path}/callbacks/test`, { headers: { "X-API-Key": key } });
  expect(test.ok()).toBe(true);
  const told = page.getByRole("region", { name: "Webhooks" }).getByRole("listitem").filter({ hasText: "assistant.test" });
  await expect(told.first()).toContainText("Delivered");
  await expect(page.getByLabel("Name")).toHaveValue("Dora the second");
  // The form is another one now, and has what was typed all the same.
  await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  await home.becomes("stopped");
  await expect(page.getByRole("button", { name: "Save without deploying" })).toBeVisible();
  await expect(page.getByLabel("Name")).toHaveValue("Dora the second");
  // What was changed elsewhere meanwhile, and not here, stays.
  const model = { modelId: "claude-opus-5" };
  expect((await request.patch(`/api/v1${path}`, { headers: { "X-API-Key": key }, data: model })).ok()).toBe(true);
  await page.getByRole("button", { name: "Save without deploying" }).click();
  await expect(page.getByText("Saved. It applies the next time the assistant starts.")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Dora the second");
  await expect(page.getByText("Claude Opus 5 (")).toBeVisible();
});

test("the keyboard stays where it is when news arrive", async ({ home, page, user, reef, request }) => {
  const path = await home.activeAssistant("Finn", botToken());
  await home.activeAssistant("Gus", botToken());
  await home.open("/assistants");
  const link = page.getByRole("link", { name: "Finn" });
  await link.focus();
  const key = await reef.createKey(user.email);
  await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  await expect(page.getByRole("row", { name: /Finn/ })).toContainText("stopped");
  await expect(page.getByText("2 assistants · 1 active · 1 stopped")).toBeVisible();
  await expect(link).toBeFocused();

  // What is gone leaves the next key where it was.
  await home.open(path);
  const redeploy = page.getByRole("button", { name: "Start", exact: true });
  await redeploy.focus();
  await request.post(`/api/v1${path}/redeploy`, { headers: { "X-API-Key": key } });
  await home.becomes("active");
  await page.keyboard.press("Tab");
  const inside = await page.evaluate(() => document.activeElement?.closest("[data-region]") !== null);
  expect(inside, "the next stop is not the top of the page").toBe(true);
});

test("what was just done is said for a moment, and not again", async ({ home, page }) => {
  const path = await home.activeAssistant("Hal", botToken(), "https://callbacks.sandbox.test/hal");
  await page.getByRole("button", { name: "Send test event" }).click();
  await expect(page.getByText("A test callback is on its way.")).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`${path}#webhooks$`));
  await page.reload();
  await expect(page.getByText("A test callback is on its way.")).toHaveCount(0);
});

test("a tab that nobody sees rests, and is right as soon as it is seen", async ({ home, page, user, reef, request }) => {
  const path = await home.activeAssistant("Kim", botToken());
  const key = await reef.createKey(user.email);
  await page.clock.install();
  await home.open(path);
  await see(page, false);
  await page.clock.runFor(20_000);
  await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  await page.waitForTimeout(1000);
  await expect(page.getByRole("region", { name: "Status" })).toContainText("active");
  await see(page, true);
  await expect(page.getByRole("region", { name: "Status" })).toContainText("stopped", { timeout: 1000 });
  await expect(page.getByText("Connection lost, reconnecting…")).toHaveCount(0);
});

/** What a browser tells a page when another tab is chosen, or this one again. */
async function see(page: Page, seen: boolean): Promise<void> {
  await page.evaluate((seen) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => !seen });
    document.dispatchEvent(new Event("visibilitychange"));
  }, seen);
}

test.describe("a page that does not come when there is news", () => {
  test.use({ expectedComplaints: ["503 (Service Unavailable)", "answer: 503"] });

  test("is asked for until it does", async ({ home, page, user, reef, request }) => {
    const path = await home.activeAssistant("Lou", botToken());
    const key = await reef.createKey(user.email);
    let refused = 0;
    await page.route(`**${path}`, (route) => {
      refused += 1;
      return route.fulfill({ status: 503 });
    });
    await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
    // There is news of a stop once or twice.
    await expect.poll(() => refused, { timeout: 20_000 }).toBeGreaterThan(3);
    await page.unrouteAll();
    await home.becomes("stopped");
  });
});

test.describe("a stream that is refused", () => {
  test.use({ expectedComplaints: ["502 (Bad Gateway)", "answer: 502", "EventSource"] });

  test("is asked for again", async ({ home, page, user, reef, request }) => {
    const path = await home.activeAssistant("Ida", botToken());
    // As a proxy does while what is behind it starts anew.
    await page.route("**/live/**", (route) => route.fulfill({ status: 502 }));
    await page.goto(path);
    const lost = page.getByText("Connection lost, reconnecting…");
    await expect(lost).toBeVisible();
    await page.unrouteAll();
    await expect(lost).toHaveCount(0, { timeout: 10_000 });
    const key = await reef.createKey(user.email);
    await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
    await home.becomes("stopped");
  });
});

test.describe("a server that dies", () => {
  test.use({ expectedComplaints: ["ERR_CONNECTION", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE"] });

  test("is missed aloud, and the page recovers by itself", async ({ home, page, user, reef, request }) => {
    const path = await home.activeAssistant("Eve", botToken());
    const key = await reef.createKey(user.email);
    const lost = page.getByText("Connection lost, reconnecting…");
    await expect(lost).toHaveCount(0);
    await reef.dieFor(() => expect(lost).toBeVisible());
    await expect(lost).toHaveCount(0, { timeout: 10_000 });
    await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
    await home.becomes("stopped");
  });
});
