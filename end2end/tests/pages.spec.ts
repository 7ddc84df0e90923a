import type { BrowserContext, Page } from "@playwright/test";
import { checkCurrent, SIZES } from "../support/accessible.ts";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";
import { totp } from "../support/totp.ts";

/** Pages for visitors, all public pages, and pages of a signed-in user. */
const ENTRY = ["/", "/signin", "/signup", "/forgot", "/reset?token=0", "/confirm?token=0", "/confirm-change?token=0", "/goodbye"];
const OPEN = [...ENTRY, "/docs", "/docs/quick-start", "/docs/errors", "/docs/activate-assistant", "/styleguide"];
const OWN = ["/assistants", "/assistants/new", "/billing", "/receipts", "/keys", "/settings"];

/** Pages of the sandbox. */
const SANDBOX = ["/sandbox/", "/sandbox/mail/", "/sandbox/telegram/"];

/** Opens a page and checks it. */
async function check(page: Page, path: string, script: boolean): Promise<void> {
  await page.goto(path);
  await checkCurrent(page, path, script);
}

test.describe("a page that does not exist", () => {
  test.use({ expectedErrors: ["404 (Not Found)"] });

  test("is accessible", async ({ page, javaScriptEnabled }) => {
    await check(page, "/no/such/page", javaScriptEnabled ?? true);
  });
});

for (const path of [...OPEN, ...SANDBOX]) {
  test(`${path} is accessible, wide and narrow, light and dark`, async ({ page, javaScriptEnabled }) => {
    test.slow();
    await check(page, path, javaScriptEnabled ?? true);
  });
}

test("empty pages of a user are accessible", async ({ member, page, javaScriptEnabled }) => {
  test.slow();
  await member.open("/assistants");
  for (const path of OWN) await check(page, path, javaScriptEnabled ?? true);
});

test("keys and settings are accessible with content", async ({ member, otherBrowser, page, user, javaScriptEnabled }) => {
  test.setTimeout(180_000);
  const script = javaScriptEnabled ?? true;
  await otherBrowser.signIn(user);
  await member.open("/keys");
  await page.getByLabel("Name").fill("K".repeat(100));
  await page.getByRole("button", { name: "Create key" }).click();
  const newKey = page.getByRole("group", { name: "New API key" });
  await expect(newKey).toBeVisible();
  await expect(page).toHaveURL("/keys");
  await checkCurrent(page, "/keys with a new key", script);
  await expect(newKey).toBeVisible();
  // The new key is shown once.
  await page.reload();
  await expect(newKey).toHaveCount(0);
  await page.getByRole("link", { name: "KKK" }).click();
  await expect(page).toHaveURL(/\/keys\/[0-9a-f-]{36}$/);
  await check(page, new URL(page.url()).pathname, script);

  await member.open("/settings");
  await page.getByRole("button", { name: "Set up two-factor" }).click();
  const secret = page.getByRole("group", { name: "Secret for the authenticator app" }).locator("code");
  await expect(secret).toBeVisible();
  await check(page, "/settings", script);
  await page.getByLabel("Code from the app").fill(totp(await secret.innerText()));
  await page.getByRole("button", { name: "Turn on two-factor" }).click();
  const codes = page.getByRole("region", { name: "Recovery codes", exact: true });
  await expect(codes).toBeVisible();
  await expect(page).toHaveURL("/settings");
  await checkCurrent(page, "/settings with recovery codes", script);
  await expect(codes).toBeVisible();
  await member.signOut();
  await member.trySigningIn(user);
  await expect(page).toHaveURL("/signin/code");
  await check(page, "/signin/code", script);
});

test("page of an assistant is accessible in every state", async ({ member, page, javaScriptEnabled }) => {
  test.setTimeout(240_000);
  const script = javaScriptEnabled ?? true;
  await member.order("Bring your own key");
  await checkCurrent(page, "the checkout", script);
  await member.open("/assistants");
  await page.getByRole("link", { name: "Untitled assistant" }).click();
  await check(page, new URL(page.url()).pathname, script);

  await page.getByRole("button", { name: "Go to checkout" }).click();
  await check(page, await member.pay(), script);

  await check(page, await member.createAssistant("A".repeat(100), botToken("conflict"), "", "failed"), script);
  await check(page, await member.createAssistant("Dora", botToken("stuck"), "", "deploying"), script);
  const active = await member.createAssistant("Coral", botToken(), "https://callbacks.sandbox.test/pages");
  await check(page, active, script);
  for (const other of [`${active}/history`, `${active}/behavior`, `${active}/people`, `${active}/usage`, "/assistants", "/billing"]) await check(page, other, script);

  await member.open("/billing");
  await page.getByRole("button", { name: "Open billing portal" }).click();
  await expect(page).toHaveURL(/\/sandbox\/polar\//);
  await checkCurrent(page, "the portal", script);

  await member.open(active);
  const stopping = await member.openDialog("Stop");
  await checkCurrent(page, "the dialog before stopping", script);
  await stopping.getByRole("button", { name: "Stop Coral" }).click();
  await member.waitForStatus("stopped");
  await check(page, active, script);
  await (await member.openDialog("Delete")).getByRole("button", { name: "Delete permanently" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Coral was deleted");
  for (const gone of [active, "/receipts"]) await check(page, gone, script);
});

test("nothing moves when a page becomes live", async ({ member, page, javaScriptEnabled, browser }) => {
  test.skip(!javaScriptEnabled, "pages without scripts do not become live");
  test.setTimeout(300_000);
  const path = await member.createAssistant("Coral", botToken());
  const state = await page.context().storageState();
  for (const viewport of SIZES) {
    const context = await browser.newContext({ baseURL: page.url(), storageState: state, viewport });
    for (const at of [...OPEN, ...OWN, path]) expect(await layoutShift(context, at), `${at} at ${viewport.width}`).toBe(0);
    await context.close();
  }
});

/** The layout shift, as browsers measure it, when a rendered page becomes live. */
async function layoutShift(context: BrowserContext, path: string): Promise<number> {
  const page = await context.newPage();
  await page.addInitScript(() => {
    const seen = window as never as { moves: { value: number; startTime: number }[] };
    seen.moves = [];
    new PerformanceObserver((list) => {
      seen.moves.push(...(list.getEntries() as never as typeof seen.moves));
    }).observe({ type: "layout-shift", buffered: true });
  });
  // A slow machine paints a page before it is complete, so the WebAssembly loads only after that.
  let load = () => {};
  const rendered = new Promise<void>((resolve) => {
    load = resolve;
  });
  await page.route("**/*.wasm", async (route) => {
    await rendered;
    await route.continue();
  });
  await page.goto(path, { waitUntil: "domcontentloaded" });
  await page.waitForTimeout(400);
  const before = await page.evaluate(() => performance.now());
  load();
  await page.locator("html[data-live]").waitFor();
  await page.waitForTimeout(400);
  const moved = await page.evaluate((before) => {
    const { moves } = window as never as { moves: { value: number; startTime: number }[] };
    return moves.filter(({ startTime }) => startTime > before).reduce((sum, { value }) => sum + value, 0);
  }, before);
  await page.close();
  return moved;
}
