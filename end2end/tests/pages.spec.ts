import AxeBuilder from "@axe-core/playwright";
import type { BrowserContext, Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";
import { totp } from "../support/totp.ts";

/** Pages for everybody, then those of somebody with an assistant in each state that a page looks different in. */
const ENTRY = ["/", "/signin", "/signup", "/forgot", "/reset?token=0", "/confirm?token=0", "/confirm-change?token=0", "/goodbye"];
const OPEN = [...ENTRY, "/docs", "/docs/quick-start", "/docs/errors", "/docs/activate-assistant", "/styleguide"];
const OWN = ["/assistants", "/assistants/new", "/billing", "/receipts", "/keys", "/settings"];
const SIZES = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];

/** The sandbox's own: what a buyer sees on the way, and what stands behind the scenes. */
const SANDBOX = ["/sandbox/", "/sandbox/mail/", "/sandbox/telegram/"];

/** Opens a page and looks at it. */
async function judge(page: Page, path: string, script: boolean): Promise<void> {
  await page.goto(path);
  await inspect(page, path, script);
}

/** Everything that can be looked for in a page as it stands. */
async function inspect(page: Page, path: string, script: boolean): Promise<void> {
  const { light, dark } = { light: "light", dark: "dark" } as const;
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const colorScheme of [light, dark]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const where = `${path} at ${size.width}, ${colorScheme}`;
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(sideways, `${where} scrolls sideways`).toBeLessThanOrEqual(0);
      // axe is a script: what it finds in a page that scripts were taken from is found with them too.
      if (!script) continue;
      const axe = new AxeBuilder({ page }).exclude("iframe");
      // In the other colour nothing is new but the contrast.
      if (colorScheme !== (size.width > 1000 ? light : dark)) axe.withRules(["color-contrast"]);
      const { violations } = await axe.analyze();
      const found = violations.filter(({ impact }) => impact !== "minor").map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
      expect(found, where).toEqual([]);
    }
  }
}

test.describe("a page that does not exist", () => {
  test.use({ expectedComplaints: ["404 (Not Found)"] });

  test("is in order", async ({ page, javaScriptEnabled }) => {
    await judge(page, "/no/such/page", javaScriptEnabled ?? true);
  });
});

for (const path of [...OPEN, ...SANDBOX]) {
  test(`${path} is in order, wide and narrow, light and dark`, async ({ page, javaScriptEnabled }) => {
    test.slow();
    await judge(page, path, javaScriptEnabled ?? true);
  });
}

test("one's own empty pages are in order", async ({ home, page, javaScriptEnabled }) => {
  test.slow();
  await home.open("/assistants");
  for (const path of OWN) await judge(page, path, javaScriptEnabled ?? true);
});

test("keys and settings are in order with something in them", async ({ home, elsewhere, page, user, javaScriptEnabled }) => {
  test.setTimeout(180_000);
  const script = javaScriptEnabled ?? true;
  await elsewhere.signIn(user);
  await home.open("/keys");
  await page.getByLabel("Name").fill("K".repeat(100));
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(page).toHaveURL("/keys?done=created");
  // The new key is shown again within the minute.
  await judge(page, "/keys?done=created", script);
  await expect(page.getByRole("group", { name: "New API key" })).toBeVisible();
  await page.getByRole("link", { name: "KKK" }).click();
  await expect(page).toHaveURL(/\/keys\/[0-9a-f-]{36}$/);
  await judge(page, new URL(page.url()).pathname, script);

  await home.open("/settings");
  await page.getByRole("button", { name: "Set it up" }).click();
  const secret = page.getByRole("group", { name: "Secret for the authenticator app" }).locator("code");
  await expect(secret).toBeVisible();
  await judge(page, "/settings", script);
  await page.getByLabel("Code that the app shows").fill(totp(await secret.innerText()));
  await page.getByRole("button", { name: "Switch it on" }).click();
  await expect(page).toHaveURL("/settings?done=totp_on");
  await judge(page, "/settings?done=totp_on", script);
  await expect(page.getByRole("region", { name: "Recovery codes", exact: true })).toBeVisible();
  await home.signOut();
  await home.trySigningIn(user);
  await expect(page).toHaveURL("/signin/code");
  await judge(page, "/signin/code", script);
});

test("an assistant's page is in order in every state", async ({ home, page, javaScriptEnabled }) => {
  test.setTimeout(240_000);
  const script = javaScriptEnabled ?? true;
  await home.order("Bring your own key");
  await inspect(page, "the checkout", script);
  await home.open("/assistants");
  await page.getByRole("link", { name: "Untitled assistant" }).click();
  await judge(page, new URL(page.url()).pathname, script);

  await page.getByRole("button", { name: "Go to checkout" }).click();
  await judge(page, await home.pay(), script);

  await judge(page, await home.activeAssistant("A".repeat(100), botToken("conflict"), "", "failed"), script);
  await judge(page, await home.activeAssistant("Dora", botToken("stuck"), "", "deploying"), script);
  const active = await home.activeAssistant("Coral", botToken(), "https://callbacks.sandbox.test/pages");
  await judge(page, active, script);
  for (const other of [`${active}/history`, "/assistants", "/billing"]) await judge(page, other, script);

  await home.open("/billing");
  await page.getByRole("button", { name: "Invoices and payment method" }).click();
  await expect(page).toHaveURL(/\/sandbox\/polar\//);
  await inspect(page, "the portal", script);

  await home.open(active);
  const stopping = await home.ask("Stop");
  await inspect(page, "the question before stopping", script);
  await stopping.getByRole("button", { name: "Stop Coral" }).click();
  await home.becomes("stopped");
  await judge(page, active, script);
  await (await home.ask("Delete")).getByRole("button", { name: "Delete permanently" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Coral was deleted");
  for (const gone of [active, "/receipts"]) await judge(page, gone, script);
});

test("nothing moves when a page comes alive", async ({ home, page, javaScriptEnabled, browser }) => {
  test.skip(!javaScriptEnabled, "without scripts nothing does");
  test.setTimeout(300_000);
  const path = await home.activeAssistant("Coral", botToken());
  const state = await page.context().storageState();
  for (const viewport of SIZES) {
    const context = await browser.newContext({ baseURL: page.url(), storageState: state, viewport });
    for (const at of [...OPEN, ...OWN, path]) expect(await shift(context, at), `${at} at ${viewport.width}`).toBe(0);
    await context.close();
  }
});

/** How far a page's parts move, as browsers measure it, when a page that is all there comes alive. */
async function shift(context: BrowserContext, path: string): Promise<number> {
  const page = await context.newPage();
  await page.addInitScript(() => {
    const seen = window as never as { moves: { value: number; startTime: number }[] };
    seen.moves = [];
    new PerformanceObserver((list) => {
      seen.moves.push(...(list.getEntries() as never as typeof seen.moves));
    }).observe({ type: "layout-shift", buffered: true });
  });
  // A slow machine draws a page that is read in half; until that is over, what brings it to life waits.
  let bringToLife = () => {};
  const drawn = new Promise<void>((resolve) => {
    bringToLife = resolve;
  });
  await page.route("**/*.wasm", async (route) => {
    await drawn;
    await route.continue();
  });
  await page.goto(path, { waitUntil: "domcontentloaded" });
  await page.waitForTimeout(400);
  const before = await page.evaluate(() => performance.now());
  bringToLife();
  await page.locator("html[data-live]").waitFor();
  await page.waitForTimeout(400);
  const moved = await page.evaluate((before) => {
    const { moves } = window as never as { moves: { value: number; startTime: number }[] };
    return moves.filter(({ startTime }) => startTime > before).reduce((sum, { value }) => sum + value, 0);
  }, before);
  await page.close();
  return moved;
}
