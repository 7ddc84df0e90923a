import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

test("an assistant's whole life", async ({ home, page, reef }) => {
  test.slow();
  const token = botToken();
  const path = await home.activeAssistant("Ann", token, `https://callbacks.sandbox.test/${token.split(":")[0]}`);
  await expect(page).toHaveTitle("Ann · Reef");
  await expect(page.getByText("Message your bot in Telegram")).toBeVisible();
  await expect(page.getByRole("link", { name: /\/workers\/openclaw-[0-9a-f]{8}$/ })).toBeVisible();
  await expect(page.getByRole("button", { name: "Edit" })).toBeDisabled();
  await expect(page.getByRole("button", { name: "Edit" })).toHaveAccessibleDescription(/Stop it first/);
  expect(await home.chat(token, "hello")).not.toBe("");

  await page.goto(`/sandbox/callbacks/${token.split(":")[0]}`);
  await expect(page.getByText("assistant.status_changed").first()).toBeVisible();

  await home.open(path);
  await home.unfold("Stop");
  await expect(page.getByText("Stopping does not stop the billing")).toBeVisible();
  await page.getByRole("button", { name: "Stop it now" }).click();
  await home.becomes("stopped");

  await page.getByLabel("Name").fill("Bea");
  await page.getByLabel("Model", { exact: true }).selectOption("anthropic:claude-opus-5");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved. Redeploy to put it to work.")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Bea");
  await expect(page.getByText("claude-opus-5 (Anthropic)")).toBeVisible();

  await home.unfold("Redeploy");
  await page.getByLabel("Callback URL").fill("");
  await page.getByRole("button", { name: "Redeploy now" }).click();
  await home.becomes("active");
  await expect(page.locator("dd").getByText("none", { exact: true })).toBeVisible();
  expect(await home.chat(token, "are you there?")).not.toBe("");

  await home.open("/assistants");
  await expect(page.getByRole("row", { name: /Bea.*active.*paid/ })).toBeVisible();
  await page.getByRole("link", { name: "Bea" }).click();
  await home.unfold("Delete");
  await expect(page.getByText("The subscription is revoked")).toBeVisible();
  await page.getByRole("button", { name: "Delete it for good" }).click();
  await expect(page.getByText("The assistant is deleted.")).toBeVisible();
  await expect(page.getByRole("link", { name: "Buy your first slot" })).toBeVisible();

  const log = await reef.log();
  for (const secret of [token, "sk-ant-good"]) expect(log).not.toContain(secret);
});

test("the pages follow what happens elsewhere", async ({ home, page, user, reef, request }) => {
  const path = await home.activeAssistant("Cal", botToken());
  const key = await reef.createKey(user.email);
  const stop = await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  expect(stop.status()).toBe(200);
  await home.becomes("stopped");
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toBeDisabled();
  await expect(page.getByRole("button", { name: "Redeploy now" })).toBeVisible();

  await home.open("/assistants");
  await request.post(`/api/v1${path}/redeploy`, { headers: { "X-API-Key": key } });
  await home.appears(page.getByRole("row", { name: /Cal.*active/ }));
});
