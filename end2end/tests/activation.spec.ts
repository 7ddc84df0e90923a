import { randomUUID } from "node:crypto";
import type { Locator } from "@playwright/test";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

test.describe("bad input", () => {
  test.use({ expectedErrors: ["400 (Bad Request)"] });

  test("is highlighted, keeps what was typed and reveals no secret", async ({ member, page, javaScriptEnabled }) => {
    const token = botToken();
    await member.order("Bring your own key");
    await member.pay();
    const callback = "http://localhost/hook";
    await member.fillActivation({ name: "Ann", model: "openai:gpt-5.5", key: "sk-my-secret", token, callback });
    // With scripts, the field is validated before the form is sent as well.
    await member.sendRefused(page.getByRole("button", { name: "Activate" }));
    await expect(page.getByLabel("Webhook URL")).toHaveAttribute("aria-invalid", "true");
    await expect(page.getByLabel("Webhook URL")).toHaveAccessibleDescription(/must start with https/);
    await expect(page.getByLabel("Name")).not.toHaveAttribute("aria-invalid", "true");
    await expect(page.getByLabel("Name")).toHaveValue("Ann");
    await expect(page.getByLabel("Model", { exact: true })).toHaveValue("openai:gpt-5.5");
    await expect(page.getByLabel("Webhook URL")).toHaveValue(callback);
    // Without scripts the server renders the page again, without the secrets.
    await expect(page.getByLabel("Model API key")).toHaveValue(javaScriptEnabled ? "sk-my-secret" : "");
    for (const secret of ["sk-my-secret", token]) {
      expect(await page.content()).not.toContain(secret);
      expect(page.url()).not.toContain(secret);
    }
    await member.waitForStatus("needs setup");
  });
});

test("invalid field is highlighted when it loses the focus", async ({ member, page, javaScriptEnabled }) => {
  test.skip(!javaScriptEnabled, "a plain page is validated when it is sent");
  await member.order("Bring your own key");
  await member.pay();
  const callback = page.getByLabel("Webhook URL");
  await callback.fill("http://localhost/hook");
  await page.getByLabel("Telegram bot token").fill("a token with spaces");
  await page.getByLabel("Name").focus();
  await expect(callback).toHaveAccessibleDescription(/must start with https/);
  await expect(page.getByLabel("Telegram bot token")).toHaveAccessibleDescription(/can.t contain spaces/);
  await callback.fill("https://example.com/hook");
  await expect(callback).not.toHaveAttribute("aria-invalid", "true");
});

test("connection test keeps what was typed", async ({ member, page, javaScriptEnabled }) => {
  const [revoked, good] = [botToken("revoked"), botToken()];
  await member.order("Bring your own key");
  await member.pay();
  const callback = `https://callbacks.sandbox.test/${good.split(":")[0]}`;
  await member.fillActivation({ name: "Ann", model: "anthropic:claude-sonnet-5", key: "sk-ant-refused", token: revoked, callback });
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(page.getByText("Telegram rejected this token.")).toBeVisible();
  await expect(page.getByText("The provider rejected this key.")).toBeVisible();
  await expect(page.getByLabel("Webhook URL")).toHaveValue(callback);

  await page.getByLabel("Model API key").fill("sk-ant-good");
  await page.getByLabel("Telegram bot token").fill(good);
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(page.getByText(`(@reef_${good.split(":")[0]}_bot)`)).toBeVisible();
  await expect(page.getByText("The model says:")).toBeVisible();
  await expect(page.getByText("refuses")).toHaveCount(0);
  await expect(page.getByLabel("Name")).toHaveValue("Ann");
  // Without scripts the secrets are saved, and the page never contains them.
  await expect(page.getByLabel("Telegram bot token")).toHaveValue(javaScriptEnabled ? good : "");
  for (const secret of [good, "sk-ant-good"]) expect(page.url()).not.toContain(secret);
  await member.waitForStatus("needs setup");

  await page.getByRole("button", { name: "Activate" }).click();
  await member.waitForStatus("active");
});

test("landing page to first chat takes at most twelve clicks", async ({ dashboard, page, javaScriptEnabled }) => {
  let clicks = 0;
  const click = async (what: Locator) => {
    clicks += 1;
    await what.click();
  };
  await dashboard.open("/");
  await click(page.getByRole("main").getByRole("link", { name: "Sign up" }));
  await page.getByLabel("Email").fill(`${randomUUID()}@example.com`);
  await page.getByLabel("Password").fill("four plain words here");
  await click(page.getByRole("button", { name: "Create account" }));
  await click(page.getByRole("link", { name: "Create your first assistant" }));
  await click(page.getByRole("button", { name: "Continue to checkout" }));
  await click(page.getByRole("button", { name: "Pay", exact: true }));
  await dashboard.waitForVisible(page.getByRole("heading", { name: "Activate" }));
  const example = await page.getByRole("group", { name: "Example bot token" }).locator("code").innerText();
  const model = "anthropic:claude-sonnet-5";
  // Opening the list of models and choosing one takes two clicks.
  clicks += 2;
  await dashboard.fillActivation({ name: "Coral", model, key: "sk-ant-any", token: example });
  await click(page.getByRole("button", { name: "Activate" }));
  await dashboard.waitForVisible(page.getByRole("heading", { name: /^Chat with @/ }));
  await expect(page.getByRole("img", { name: /^QR code that opens https:\/\/t\.me\// })).toBeVisible();
  const chat = page.frameLocator('iframe[title^="Chat with @"]');
  await chat.getByLabel("Message").fill("hello");
  await click(chat.getByRole("button", { name: "Send" }));
  await expect(async () => {
    if (!javaScriptEnabled) await chat.getByRole("link", { name: "Refresh" }).click();
    await expect(chat.locator(".chat li.bot").first()).toBeVisible({ timeout: javaScriptEnabled ? 25_000 : 250 });
  }).toPass({ timeout: 30_000 });
  expect(clicks).toBeLessThanOrEqual(12);
});

test("failed activation shows the reason and can be fixed", async ({ member, page }) => {
  await member.order("Bring your own key");
  await member.pay();
  const model = "anthropic:claude-sonnet-5";
  await member.fillActivation({ name: "Ann", model, key: "sk-ant-good", token: botToken("conflict") });
  await page.getByRole("button", { name: "Activate" }).click();
  await member.waitForStatus("failed");
  await expect(page.getByRole("region", { name: "Status" })).toContainText("Another app is using this bot");

  await expect(page.getByRole("list").getByText("Verify bot token")).toBeVisible();
  await page.getByRole("link", { name: "Update bot token" }).click();
  await page.getByLabel("New Telegram bot token").fill(botToken());
  await page.getByRole("button", { name: "Save and redeploy" }).click();
  await member.waitForStatus("active");
});
