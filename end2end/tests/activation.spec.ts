import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

test.describe("bad input", () => {
  test.use({ expectedComplaints: ["400 (Bad Request)"] });

  test("is marked, keeps what was typed and shows no secret", async ({ home, page, javaScriptEnabled }) => {
    const token = botToken();
    await home.order("Your own model key");
    await home.pay();
    const callback = "http://localhost/hook";
    await home.fillActivation({ name: "Ann", model: "openai:gpt-5.5", key: "sk-my-secret", token, callback });
    await page.getByRole("button", { name: "Activate" }).click();
    await expect(page.getByLabel("Callback URL")).toHaveAttribute("aria-invalid", "true");
    await expect(page.getByLabel("Callback URL")).toHaveAccessibleDescription(/begins with https/);
    await expect(page.getByLabel("Name")).not.toHaveAttribute("aria-invalid", "true");
    await expect(page.getByLabel("Name")).toHaveValue("Ann");
    await expect(page.getByLabel("Model", { exact: true })).toHaveValue("openai:gpt-5.5");
    await expect(page.getByLabel("Callback URL")).toHaveValue(callback);
    // A script loses nothing; a plain page is never given a secret back.
    await expect(page.getByLabel("Model API key")).toHaveValue(javaScriptEnabled ? "sk-my-secret" : "");
    for (const secret of ["sk-my-secret", token]) {
      expect(await page.content()).not.toContain(secret);
      expect(page.url()).not.toContain(secret);
    }
    await home.becomes("ready to activate");
  });
});

test("a refused bot token is told in plain words, and mended", async ({ home, page }) => {
  await home.order("Your own model key");
  await home.pay();
  const model = "anthropic:claude-sonnet-5";
  await home.fillActivation({ name: "Ann", model, key: "sk-ant-good", token: botToken("revoked") });
  await page.getByRole("button", { name: "Activate" }).click();
  await home.becomes("failed");
  await expect(page.getByRole("region", { name: "Status" })).toContainText("Telegram refused the bot token");

  await page.getByLabel("New Telegram bot token").fill(botToken());
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await expect(page.getByLabel("New Telegram bot token")).toHaveValue("");
  await home.unfold("Redeploy");
  await page.getByRole("button", { name: "Redeploy now" }).click();
  await home.becomes("active");
});
