import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

test("assistant is created, changed, stopped and deleted", async ({ member, page, reef }) => {
  test.setTimeout(90_000);
  const token = botToken();
  const inbox = token.split(":")[0];
  const path = await member.createAssistant("Ann", token, `https://callbacks.sandbox.test/${inbox}`);
  await expect(page).toHaveTitle("Ann · Reef");
  await expect(page.getByText("Live on Telegram")).toBeVisible();
  await expect(page.getByText(/Encrypted · fingerprint [0-9a-f]+ · updated/).first()).toBeVisible();
  expect(await member.chat(token, "hello")).not.toBe("");

  await page.goto(`/sandbox/callbacks/${inbox}`);
  await expect(page.getByText("assistant.status_changed").first()).toBeVisible();

  await member.open(path);
  await member.waitForVisible(page.getByText("delivered").first());
  await page.getByRole("button", { name: "Send test event" }).click();
  await expect(page.getByText("Test event sent.")).toBeVisible();
  await member.waitForVisible(page.getByText("assistant.test").first());

  // Saving a running assistant deploys the change.
  await member.openDetails("Edit");
  await page.getByLabel("Name").fill("Bea");
  await page.getByLabel("Model", { exact: true }).selectOption("anthropic:claude-opus-5");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Bea");
  await member.waitForStatus("active");
  await expect(page.getByText("Claude Opus 5 (Anthropic)")).toBeVisible();

  const stopping = await member.openDialog("Stop");
  await expect(stopping).toContainText("You’ll still be billed");
  await stopping.getByRole("button", { name: "Stop Bea" }).click();
  await member.waitForStatus("stopped");
  await expect(page.getByText("Stopped. Your bot won’t reply until you start it again.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Start", exact: true })).toBeVisible();

  // A stopped assistant can be saved without starting it.
  await member.openDetails("Edit");
  await page.getByLabel("Name").fill("Cleo");
  await page.getByRole("button", { name: "Save without deploying" }).click();
  await expect(page.getByText("Saved. Takes effect the next time your assistant starts.")).toBeVisible();
  await member.openDetails("Edit");
  await page.getByLabel("Webhook URL").fill("");
  await page.getByRole("button", { name: "Save and start" }).click();
  await member.waitForStatus("active");
  await expect(page.getByText("Not set", { exact: true })).toBeVisible();
  expect(await member.chat(token, "are you there?")).not.toBe("");

  await member.open("/assistants");
  await expect(page.getByRole("row", { name: /Cleo.*Active.*Active/ })).toBeVisible();
  await page.getByRole("link", { name: "Cleo" }).click();
  const deleting = await member.openDialog("Delete");
  await expect(deleting).toContainText("Your subscription ends now");
  await deleting.getByRole("button", { name: "Delete permanently" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Cleo was deleted");
  await member.waitForVisible(page.getByText(/^Canceled on/));
  await page.getByRole("link", { name: "Go to dashboard" }).click();
  await expect(page.getByRole("link", { name: "Create your first assistant" })).toBeVisible();

  const log = await reef.log();
  for (const secret of [token, "sk-ant-good"]) expect(log).not.toContain(secret);
});

test("paused subscription stops the assistant, and resuming starts it", async ({ member, page, reef, request, user }) => {
  test.setTimeout(90_000);
  const path = await member.createAssistant("Pearl", botToken());
  const key = await reef.createKey(user.email);
  const headers = { "X-API-Key": key };
  const record = (await (await request.get(`/api/v1${path}`, { headers })).json()).data;
  const paused = await request.post(`/sandbox/polar/subscriptions/${record.polarSubscriptionId}/pause`);
  expect(paused.ok()).toBe(true);

  await member.waitForVisible(
    page.getByText("Your subscription is paused, so Pearl is stopped. Pearl starts again automatically when you resume the subscription."),
  );
  await expect(page.getByRole("button", { name: "Start", exact: true })).toBeDisabled();
  await member.open("/assistants");
  await expect(page.getByRole("row", { name: /Pearl.*Stopped.*Paused/ })).toBeVisible();

  await member.open(path);
  await page.getByRole("button", { name: "Resume your subscription" }).click();
  await page.getByRole("button", { name: "Resume and pay for a new month" }).click();
  await expect(page.getByText(/Renews on/)).toBeVisible();
  await member.open(path);
  await member.waitForStatus("active");
});

test("webhook URL is changed without a restart", async ({ member, page }) => {
  await member.createAssistant("Dan", botToken());
  await member.openDetails("Edit");
  await page.getByLabel("Webhook URL").fill("https://example.com/hook");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("Saved. No restart was needed.")).toBeVisible();
  await (await member.openDialog("Stop")).getByRole("button", { name: "Stop Dan" }).click();
  await member.waitForStatus("stopped");
  await member.openDetails("Edit");
  await expect(page.getByLabel("Webhook URL")).toHaveValue("https://example.com/hook");
  await page.getByLabel("Webhook URL").fill("");
  await page.getByRole("button", { name: "Save without deploying" }).click();
  await expect(page.getByText("Saved. Takes effect the next time your assistant starts.")).toBeVisible();
  await expect(page.getByText("Not set", { exact: true })).toBeVisible();
});

test("failed change is undone, and the bot replies as before", async ({ member, page }) => {
  test.setTimeout(90_000);
  const token = botToken();
  const path = await member.createAssistant("Eve", token);
  await member.openDetails("Edit");
  await page.getByLabel("New Telegram bot token").fill(botToken("conflict"));
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await member.waitForVisible(
    page.getByRole("region", { name: "Status" }).getByText("Your change was undone because another app is using the bot"),
  );
  await member.waitForStatus("active");
  await expect(page.getByText(/^Saved/)).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Edit again" })).toBeVisible();
  expect(await member.chat(token, "are you there?")).not.toBe("");
  await member.open(path);
});

test.describe("values that the vendors reject", () => {
  test.use({ expectedErrors: ["400 (Bad Request)"] });

  test("do not affect a running assistant, and what was typed stays", async ({ member, page, javaScriptEnabled }) => {
    const token = botToken();
    await member.createAssistant("Fay", token);
    await member.openDetails("Edit");
    await page.getByLabel("Name").fill("Gil");
    await page.getByLabel("New model API key").fill("sk-ant-refused");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await expect(page.getByText("Nothing was changed, and Fay keeps running.")).toBeVisible();
    await expect(page.getByLabel("New model API key")).toHaveAccessibleDescription(/The provider rejected this key/);
    await expect(page.getByLabel("Name")).toHaveValue("Gil");
    await expect(page.getByLabel("New model API key")).toHaveValue(javaScriptEnabled ? "sk-ant-refused" : "");
    await member.waitForStatus("active");
    expect(await member.chat(token, "are you there?")).not.toBe("");
  });

  test("do not activate an assistant", async ({ member, page }) => {
    await member.order("Bring your own key");
    await member.pay();
    const model = "anthropic:claude-sonnet-5";
    await member.fillActivation({ name: "Ann", model, key: "sk-ant-good", token: botToken("revoked") });
    await page.getByRole("button", { name: "Activate" }).click();
    await expect(page.getByLabel("Telegram bot token")).toHaveAccessibleDescription(/Telegram rejected this token/);
    await expect(page.getByLabel("Name")).toHaveValue("Ann");
    await member.waitForStatus("needs setup");
  });
});

test("list is searched and filtered", async ({ member, page, javaScriptEnabled }) => {
  await member.createAssistant("Ebb and flow", botToken());
  await member.order("Managed");
  await member.open("/assistants");
  await expect(page.getByRole("row")).toHaveCount(3);
  await page.getByLabel("Search").fill("EBB");
  if (!javaScriptEnabled) await page.getByRole("button", { name: "Search" }).click();
  await expect(page.getByRole("row")).toHaveCount(2);
  await expect(page.getByRole("link", { name: "Ebb and flow" })).toBeVisible();
  await page.getByLabel("Status").selectOption({ label: "Awaiting payment" });
  if (!javaScriptEnabled) await page.getByRole("button", { name: "Search" }).click();
  await expect(page.getByRole("heading", { name: "No results for “EBB”" })).toBeVisible();
  await page.getByRole("link", { name: "Clear search" }).click();
  await expect(page.getByRole("row")).toHaveCount(3);
});

test("pages follow changes made elsewhere", async ({ member, page, user, reef, request }) => {
  const path = await member.createAssistant("Cal", botToken());
  const key = await reef.createKey(user.email);
  const stop = await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  expect(stop.status()).toBe(200);
  await member.waitForStatus("stopped");
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Start", exact: true })).toBeEnabled();

  await member.open("/assistants");
  await request.post(`/api/v1${path}/redeploy`, { headers: { "X-API-Key": key } });
  await member.waitForVisible(page.getByRole("row", { name: /Cal.*Active/ }));
});
