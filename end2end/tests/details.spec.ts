import type { Browser, Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

/** At any time, one of the last two zones has a different date than UTC. */
const ZONES = ["America/Los_Angeles", "Etc/GMT+12", "Pacific/Kiritimati"];

/** The minimum size of a target, in pixels (WCAG 2.5.8). */
const TARGET_SIZE_MIN = 24;

test("times are in the reader's zone, and in UTC without scripts", async ({ member, page, browser, reef, user, request }) => {
  test.setTimeout(90_000);
  const path = await member.createAssistant("Ann", botToken());
  const headers = { "X-API-Key": await reef.createKey(user.email) };
  const record = (await (await request.get(`/api/v1${path}`, { headers })).json()).data;
  const [until, ordered] = [record.currentPeriodEnd, record.createdAt].map((text: string) => new Date(text));
  const format = (style: Intl.DateTimeFormatOptions, at?: Date) => new Intl.DateTimeFormat("en-US", style).format(at);
  for (const timeZone of ZONES) {
    const seen = await openInZone(browser, page, timeZone, true);
    await seen.goto(path);
    const billing = seen.getByRole("region", { name: "Billing" });
    await expect(billing).toContainText(`Renews ${format({ dateStyle: "medium", timeZone }, until)}.`);
    await expect(billing).toContainText(format({ dateStyle: "medium", timeStyle: "short", timeZone }, ordered).replace(/\s/g, " "));
    const exact = `${until?.toISOString().slice(0, 19).replace("T", " ")} UTC`;
    await expect(billing.locator("time").first()).toHaveAttribute("title", exact);
    // A region that is rendered later shows the same date.
    await seen.locator("html[data-live]").waitFor();
    await request.post(`/api/v1${path}/callbacks/test`, { headers });
    await expect(billing).toContainText(`Renews ${format({ dateStyle: "medium", timeZone }, until)}.`);
    await seen.goto("/billing");
    await expect(seen.getByRole("main")).toContainText(`Renews ${format({ dateStyle: "medium", timeZone }, until)}.`);
    await seen.context().close();
  }
  const plain = await openInZone(browser, page, "America/Los_Angeles", false);
  await plain.goto(path);
  const day = format({ dateStyle: "medium", timeZone: "UTC" }, until);
  await expect(plain.getByRole("region", { name: "Billing" })).toContainText(`Renews ${day} (UTC).`);
  await plain.context().close();
});

/** Opens a page of the same user in another time zone. */
async function openInZone(browser: Browser, page: Page, timezoneId: string, javaScriptEnabled: boolean): Promise<Page> {
  const [storageState, baseURL] = [await page.context().storageState(), new URL(page.url()).origin];
  const context = await browser.newContext({ storageState, baseURL, timezoneId, javaScriptEnabled, locale: "en-US" });
  return context.newPage();
}

test.describe("a field", () => {
  test.skip(({ javaScriptEnabled }) => !javaScriptEnabled, "a plain page is validated when it is sent");
  test.use({ expectedErrors: ["400 (Bad Request)"] });

  test("is highlighted while an invalid bot token is typed, and no longer when it is fixed", async ({ member, page }) => {
    await member.order("Bring your own key");
    await member.pay();
    const token = page.getByLabel("Telegram bot token");
    await token.pressSequentially("hello");
    await expect(token).toHaveAccessibleDescription(/look like 123456789:AAE/);
    await expect(token).toHaveAttribute("aria-invalid", "true");
    await token.fill("");
    await expect(token).not.toHaveAttribute("aria-invalid", "true");
    await token.pressSequentially("123456789:AA");
    await expect(token).not.toHaveAttribute("aria-invalid", "true");
    await page.getByLabel("Name").focus();
    await expect(token).toHaveAttribute("aria-invalid", "true");

    // An optional field that is cleared is valid, even while the server is still checking its previous value.
    const callback = page.getByLabel("Webhook URL");
    await callback.fill("http://localhost/hook");
    await page.getByLabel("Name").focus();
    await expect(callback).toHaveAttribute("aria-invalid", "true");
    const asked = page.waitForResponse(/check_callback_url/);
    await callback.fill("http://localhost/other");
    await asked;
    await callback.fill("http://localhost/o");
    await callback.fill("");
    await expect(callback).not.toHaveAttribute("aria-invalid", "true");
    await page.waitForTimeout(600);
    await expect(callback).not.toHaveAttribute("aria-invalid", "true");
    await expect(callback).not.toHaveAccessibleDescription(/https:\/\/\./);
  });

  test("that the server rejected is highlighted until it changes", async ({ member, page }) => {
    await member.createAssistant("Ann", botToken());
    await member.openDetails("Edit");
    const callback = page.getByLabel("Webhook URL");
    await callback.fill("http://localhost/hook");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await expect(callback).toHaveAttribute("aria-invalid", "true");
    await callback.fill("");
    await expect(callback).not.toHaveAttribute("aria-invalid", "true");

    await member.open("/settings");
    const change = await member.openDialog("Change email");
    await change.getByLabel("New email").fill("other@example.com");
    await change.getByLabel("Password").fill("not my password");
    await change.getByRole("button", { name: "Send confirmation" }).click();
    await expect(change.getByLabel("Password")).toHaveAttribute("aria-invalid", "true");
    await change.getByLabel("Password").fill("another attempt");
    await expect(change.getByLabel("Password")).not.toHaveAttribute("aria-invalid", "true");
  });
});

test("focus is on the result of a form", async ({ member, page }) => {
  const focused = page.locator(":focus");
  await member.order("Bring your own key");
  await member.pay();
  await member.fillActivation({ name: "Ann", model: "anthropic:claude-sonnet-5", key: "sk-ant-good", token: botToken(), callback: "" });
  await page.getByRole("button", { name: "Activate" }).click();
  // Before anything reloads the page, which would forget what the form has done.
  await expect(focused).toHaveText(/^(Deploying|Active)/);
  await member.waitForStatus("active");
  await (await member.openDialog("Stop")).getByRole("button", { name: "Stop Ann" }).click();
  await expect(focused).toHaveText(/^Stopped/);

  await member.open("/keys");
  await page.getByLabel("Name").fill("worker");
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(page.getByRole("heading", { name: "Copy your key now" })).toBeFocused();
  await page.keyboard.press("Tab");
  const inside = await page.evaluate(() => document.activeElement?.closest("section")?.getAttribute("aria-labelledby"));
  expect(inside).toBe("created-key");
});

test("notice is shown and can be dismissed", async ({ member, page }) => {
  const path = await member.createAssistant("Ann", botToken());
  // The notice disappears when the deployment ends, which may be before the test can see it.
  const redeploying = page.waitForResponse((response) => {
    return response.request().isNavigationRequest() && new URL(response.url()).pathname === path && response.ok();
  });
  await (await member.openDialog("Redeploy")).getByRole("button", { name: "Redeploy Ann" }).click();
  await redeploying;
  await member.waitForStatus("active");
  await (await member.openDialog("Stop")).getByRole("button", { name: "Stop Ann" }).click();
  const toast = page.getByText("Stopped. Your bot won’t reply until you start it again.");
  await expect(toast).toBeVisible();
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(toast).toHaveCount(0);
  await expect(page).toHaveURL(new RegExp(`${path}\\??$`));
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await member.waitForStatus("active");
});

test("URL alone shows no notice", async ({ member, page }) => {
  for (const address of ["/settings?done=password_changed", "/signin?done=password_reset", "/keys?done=revoked"]) {
    await member.open(address);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.locator(".toast"), address).toHaveCount(0);
  }
});

test("row of a list opens the same page as its name, and its actions work", async ({ member, page }) => {
  const path = await member.createAssistant("Ann", botToken());
  await member.open("/assistants");
  const row = page.getByRole("row", { name: /Ann/ });
  await expect(row).toContainText("Claude Sonnet 5");
  // Clicks the middle of the row, where the name is not.
  await row.click();
  await expect(page).toHaveURL(path);
  await member.open("/keys");
  await page.getByLabel("Name").fill("worker");
  await page.getByRole("button", { name: "Create key" }).click();
  await (await member.openDialog("Revoke worker")).getByRole("button", { name: "Revoke key" }).click();
  await expect(page.getByText("Key revoked.")).toBeVisible();
});

test("targets are at least 24 pixels wide and high", async ({ member, page }) => {
  test.setTimeout(90_000);
  const path = await member.createAssistant("Ann", botToken(), "https://callbacks.sandbox.test/targets");
  const own = ["/assistants", "/assistants/new", "/billing", "/receipts", "/keys", "/settings", path, `${path}/history`];
  for (const at of [...own, "/", "/docs", "/docs/errors", "/signin", "/forgot"]) {
    await page.goto(at);
    const small = await page.evaluate((min) => {
      const targets = document.querySelectorAll("a[href], button, summary, input:not([type=hidden]), select, textarea");
      return [...targets].flatMap((target) => {
        const { width, height } = target.getBoundingClientRect();
        const isSeen = width > 0 && height > 0 && getComputedStyle(target).visibility !== "hidden";
        return isSeen && Math.min(width, height) < min - 0.01 ? [`${width}×${height} ${target.outerHTML.slice(0, 120)}`] : [];
      });
    }, TARGET_SIZE_MIN);
    expect(small, at).toEqual([]);
  }
});
