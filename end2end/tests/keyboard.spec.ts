import type { Locator, Page } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

/** No page has this many tab stops. */
const STOPS_MAX = 60;

test("keyboard alone is enough, from sign-in to a stopped assistant", async ({ dashboard, page, user }) => {
  test.slow();
  await dashboard.open("/signin");
  await tabTo(page, page.getByRole("link", { name: "Skip to content" }));
  await page.keyboard.press("Enter");
  await typeInto(page, page.getByLabel("Email"), user.email);
  await typeInto(page, page.getByLabel("Password"), user.password);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL("/assistants");

  await follow(page, page.getByRole("link", { name: "Create your first assistant" }));
  await expect(page).toHaveURL("/assistants/new");
  await tabTo(page, page.getByLabel("Bring your own key", { exact: true }));
  await page.keyboard.press("ArrowDown");
  await expect(page.getByLabel("Managed", { exact: true })).toBeChecked();
  await follow(page, page.getByRole("button", { name: "Continue to checkout" }));
  await follow(page, page.getByRole("button", { name: "Pay", exact: true }));
  await expect(page).toHaveURL(/\/assistants\/[0-9a-f-]{36}\?checkout_id=/);
  await dashboard.waitForVisible(page.getByRole("heading", { name: "Activate" }));

  await typeInto(page, page.getByLabel("Name"), "Ann");
  await tabTo(page, page.getByLabel("Model", { exact: true }));
  await page.keyboard.press("ArrowDown");
  await typeInto(page, page.getByLabel("Telegram bot token"), botToken());
  await send(page);
  await dashboard.waitForStatus("active");

  const stop = page.getByRole("button", { name: "Stop", exact: true });
  await follow(page, stop);
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(stop).toBeFocused();
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByRole("dialog").getByRole("button", { name: "Stop Ann" }));
  await send(page);
  await dashboard.waitForStatus("stopped");
});

/** Presses the tab key until the target has the focus, which its outline must show. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let stop = 0; stop < STOPS_MAX; stop += 1) {
    await page.keyboard.press("Tab");
    if (!(await target.evaluate((element) => element === document.activeElement))) continue;
    const outline = await target.evaluate((element) => getComputedStyle(element).outlineStyle);
    expect(outline, "the outline of the focus").not.toBe("none");
    return;
  }
  throw new Error(`${target} is not reached by the tab key`);
}

async function typeInto(page: Page, field: Locator, text: string): Promise<void> {
  await tabTo(page, field);
  await page.keyboard.type(text);
}

async function follow(page: Page, target: Locator): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press("Enter");
}

/** Sends the form of the focused field and waits for the response, because an earlier reload of a plain page would cancel it. */
async function send(page: Page): Promise<void> {
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await page.keyboard.press("Enter");
  await answer;
}
