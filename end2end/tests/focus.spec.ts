import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

// Without scripts the response to a form is a new page, where `autofocus` sets the focus.
test.skip(({ javaScriptEnabled }) => !javaScriptEnabled, "needs scripts");
// Chromium logs every error status.
test.use({ expectedErrors: ["400 (Bad Request)", "401 (Unauthorized)", "409 (Conflict)"] });

test("refused sign-in focuses the error", async ({ dashboard, page, user }) => {
  await dashboard.trySigningIn({ ...user, password: "not my password" });
  await expect(page.getByRole("alert")).toBeFocused();
});

test("key without a permission focuses the first permission", async ({ member, page }) => {
  await member.open("/keys");
  await page.getByLabel("Name").fill("useless");
  await page.getByLabel("Read: view").uncheck();
  await page.getByLabel("Write: buy").uncheck();
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(page.getByLabel("Read: view")).toBeFocused();
});

test("connection test focuses the field to fix, or its own button", async ({ member, page }) => {
  await member.order("Bring your own key");
  await member.pay();
  const token = page.getByLabel("Telegram bot token");
  const check = page.getByRole("button", { name: "Test connection" });
  await member.fillActivation({ name: "Ann", model: "anthropic:claude-sonnet-5", key: "sk-ant-good", token: botToken("revoked") });
  await check.click();
  await expect(token).toBeFocused();
  await token.fill(botToken());
  await check.click();
  // The click has focused the button already, so the results must be there first.
  await expect(page.getByText("The model says:")).toBeVisible();
  await expect(check).toBeFocused();
});

test("test event keeps the focus on its button", async ({ member, page }) => {
  await member.createAssistant("Ann", botToken(), "https://callbacks.sandbox.test/focus");
  const send = page.getByRole("button", { name: "Send test event" });
  await send.click();
  await expect(page.getByText("Test event sent.")).toBeVisible();
  await expect(send).toBeFocused();
});

test("change that is deployed focuses the status", async ({ member, page }) => {
  await member.createAssistant("Ann", botToken());
  await member.openDetails("Edit");
  await page.getByLabel("Model", { exact: true }).selectOption("anthropic:claude-opus-5");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  // A locator survives the navigation that follows the form; evaluating a script would not.
  await expect(page.locator(".form-result:focus")).toHaveCount(1);
});

test("refused stop focuses the error in its dialog", async ({ member, page }) => {
  await member.createAssistant("Ann", botToken());
  const refusal = { code: "INVALID_STATE", message: "It is already stopped.", issues: [], values: [], is_signed_out: false };
  await page.route("**/_fn/stop", (route) => route.fulfill({ status: 409, json: refusal }));
  const dialog = await member.openDialog("Stop");
  await dialog.getByRole("button", { name: /^Stop/ }).click();
  await expect(dialog.getByRole("alert")).toBeFocused();
  await expect(dialog.getByRole("alert")).toHaveText("It is already stopped.");
  // Closing the dialog returns to the button that opened it.
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toBeFocused();
});
