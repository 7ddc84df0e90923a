import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

test("assistant is created, changed, stopped and deleted", async ({ home, page, reef }) => {
  test.setTimeout(90_000);
  const token = botToken();
  const inbox = token.split(":")[0];
  const path = await home.activeAssistant("Ann", token, `https://callbacks.sandbox.test/${inbox}`);
  await expect(page).toHaveTitle("Ann · Reef");
  await expect(page.getByText("Live on Telegram")).toBeVisible();
  await expect(page.getByText(/Encrypted · fingerprint [0-9a-f]+ · updated/).first()).toBeVisible();
  expect(await home.chat(token, "hello")).not.toBe("");

  await page.goto(`/sandbox/callbacks/${inbox}`);
  await expect(page.getByText("assistant.status_changed").first()).toBeVisible();

  await home.open(path);
  await home.appears(page.getByText("delivered").first());
  await page.getByRole("button", { name: "Send test event" }).click();
  await expect(page.getByText("Test event sent.")).toBeVisible();
  await home.appears(page.getByText("assistant.test").first());

  // Saving a running assistant deploys the change.
  await home.unfold("Edit");
  await page.getByLabel("Name").fill("Bea");
  await page.getByLabel("Model", { exact: true }).selectOption("anthropic:claude-opus-5");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Bea");
  await home.becomes("active");
  await expect(page.getByText("Claude Opus 5 (Anthropic)")).toBeVisible();

  const stopping = await home.ask("Stop");
  await expect(stopping).toContainText("You’ll still be billed");
  await stopping.getByRole("button", { name: "Stop Bea" }).click();
  await home.becomes("stopped");
  await expect(page.getByText("Stopped. Your bot won’t reply until you start it again.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Start", exact: true })).toBeVisible();

  // A stopped assistant can be saved without starting it.
  await home.unfold("Edit");
  await page.getByLabel("Name").fill("Cleo");
  await page.getByRole("button", { name: "Save without deploying" }).click();
  await expect(page.getByText("Saved. Takes effect the next time your assistant starts.")).toBeVisible();
  await home.unfold("Edit");
  await page.getByLabel("Webhook URL").fill("");
  await page.getByRole("button", { name: "Save and start" }).click();
  await home.becomes("active");
  await expect(page.getByText("Not set", { exact: true })).toBeVisible();
  expect(await home.chat(token, "are you there?")).not.toBe("");

  await home.open("/assistants");
  await expect(page.getByRole("row", { name: /Cleo.*Active.*Active/ })).toBeVisible();
  await page.getByRole("link", { name: "Cleo" }).click();
  const deleting = await home.ask("Delete");
  await expect(deleting).toContainText("Your subscription ends now");
  await deleting.getByRole("button", { name: "Delete permanently" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Cleo was deleted");
  await home.appears(page.getByText(/^Canceled on/));
  await page.getByRole("link", { name: "Go to your assistants" }).click();
  await expect(page.getByRole("link", { name: "Create your first assistant" })).toBeVisible();

  const log = await reef.log();
  for (const secret of [token, "sk-ant-good"]) expect(log).not.toContain(secret);
});

test("paused subscription stops the assistant, and resuming starts it", async ({ home, page, reef, request, user }) => {
  test.setTimeout(90_000);
  const path = await home.activeAssistant("Pearl", botToken());
  const key = await reef.createKey(user.email);
  const headers = { "X-API-Key": key };
  const record = (await (await request.get(`/api/v1${path}`, { headers })).json()).data;
  const paused = await request.post(`/sandbox/polar/subscriptions/${record.polarSubscriptionId}/pause`);
  expect(paused.ok()).toBe(true);

  await home.appears(
    page.getByText("Your subscription is paused, so Pearl is stopped. It starts again automatically when you resume."),
  );
  await expect(page.getByRole("button", { name: "Start", exact: true })).toBeDisabled();
  await home.open("/assistants");
  await expect(page.getByRole("row", { name: /Pearl.*Stopped.*Paused/ })).toBeVisible();

  await home.open(path);
  await page.getByRole("button", { name: "Resume your subscription" }).click();
  await page.getByRole("button", { name: "Resume and pay for a new month" }).click();
  await expect(page.getByText(/Renews on/)).toBeVisible();
  await home.open(path);
  await home.becomes("active");
});

test("webhook URL is changed without a restart", async ({ home, page }) => {
  await home.activeAssistant("Dan", botToken());
  await home.unfold("Edit");
  await page.getByLabel("Webhook URL").fill("https://example.com/hook");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("Saved. No restart was needed.")).toBeVisible();
  await (await home.ask("Stop")).getByRole("button", { name: "Stop Dan" }).click();
  await home.becomes("stopped");
  await home.unfold("Edit");
  await expect(page.getByLabel("Webhook URL")).toHaveValue("https://example.com/hook");
  await page.getByLabel("Webhook URL").fill("");
  await page.getByRole("button", { name: "Save without deploying" }).click();
  await expect(page.getByText("Saved. Takes effect the next time your assistant starts.")).toBeVisible();
  await expect(page.getByText("Not set", { exact: true })).toBeVisible();
});

test("failed change is undone, and the bot replies as before", async ({ home, page }) => {
  test.setTimeout(90_000);
  const token = botToken();
  const path = await home.activeAssistant("Eve", token);
  await home.unfold("Edit");
  await page.getByLabel("New Telegram bot token").fill(botToken("conflict"));
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await home.appears(
    page.getByRole("region", { name: "Status" }).getByText("Your change was undone because another app is using the bot"),
  );
  await home.becomes("active");
  await expect(page.getByText("Saved")).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Edit again" })).toBeVisible();
  expect(await home.chat(token, "are you there?")).not.toBe("");
  await home.open(path);
});

test.describe("values that the vendors reject", () => {
  test.use({ expectedComplaints: ["400 (Bad Request)"] });

  test("do not affect a running assistant, and what was typed stays", async ({ home, page, javaScriptEnabled }) => {
    const token = botToken();
    await home.activeAssistant("Fay", token);
    await home.unfold("Edit");
    await page.getByLabel("Name").fill("Gil");
    await page.getByLabel("New model API key").fill("sk-ant-refused");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await expect(page.getByText("Nothing was changed, and Fay keeps running.")).toBeVisible();
    await expect(page.getByLabel("New model API key")).toHaveAccessibleDescription(/The provider rejected this key/);
    await expect(page.getByLabel("Name")).toHaveValue("Gil");
    await expect(page.getByLabel("New model API key")).toHaveValue(javaScriptEnabled ? "sk-ant-refused" : "");
    await home.becomes("active");
    expect(await home.chat(token, "are you there?")).not.toBe("");
  });

  test("do not activate an assistant", async ({ home, page }) => {
    await home.order("Bring your own key");
    await home.pay();
    const model = "anthropic:claude-sonnet-5";
    await home.fillActivation({ name: "Ann", model, key: "sk-ant-good", token: botToken("revoked") });
    await page.getByRole("button", { name: "Activate" }).click();
    await expect(page.getByLabel("Telegram bot token")).toHaveAccessibleDescription(/Telegram rejected this token/);
    await expect(page.getByLabel("Name")).toHaveValue("Ann");
    await home.becomes("needs setup");
  });
});

test("list is searched and filtered", async ({ home, page, javaScriptEnabled }) => {
  await home.activeAssistant("Ebb and flow", botToken());
  await home.order("Managed");
  await home.open("/assistants");
  await expect(page.getByRole("row")).toHaveCount(3);
  await page.getByLabel("Search").fill("EBB");
  if (!javaScriptEnabled) await page.getByRole("button", { name: "Search" }).click();
  await expect(page.getByRole("row")).toHaveCount(2);
  await expect(page.getByRole("link", { name: "Ebb and flow" })).toBeVisible();
  await page.getByLabel("Status").selectOption({ label: "awaiting payment" });
  if (!javaScriptEnabled) await page.getByRole("button", { name: "Show" }).click();
  await expect(page.getByRole("heading", { name: "No results for “EBB”" })).toBeVisible();
  await page.getByRole("link", { name: "Clear search" }).click();
  await expect(page.getByRole("row")).toHaveCount(3);
});

test("pages follow changes made elsewhere", async ({ home, page, user, reef, request }) => {
  const path = await home.activeAssistant("Cal", botToken());
  const key = await reef.createKey(user.email);
  const stop = await request.post(`/api/v1${path}/stop`, { headers: { "X-API-Key": key } });
  expect(stop.status()).toBe(200);
  await home.becomes("stopped");
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Start", exact: true })).toBeEnabled();

  await home.open("/assistants");
  await request.post(`/api/v1${path}/redeploy`, { headers: { "X-API-Key": key } });
  await home.appears(page.getByRole("row", { name: /Cal.*Active/ }));
});
