import { expect, test } from "../support/signed-in.ts";

test("managed mode asks for no model key", async ({ home, page }) => {
  await home.order("Managed");
  await home.pay();
  await expect(page.getByLabel("Telegram bot token")).toBeVisible();
  await expect(page.getByLabel("Model API key")).toHaveCount(0);
  await expect(page.getByLabel("Model", { exact: true })).toContainText("Auto (OpenRouter chooses)");
});

test.describe("a declined card", () => {
  test.use({ expectedComplaints: ["402 (Payment Required)"] });

  test("leaves the slot unpaid, whatever the address says, and can be paid later", async ({ home, page }) => {
    await home.order("Your own model key");
    await page.getByRole("button", { name: "Have the card declined" }).click();
    await expect(page.getByText("The card was declined")).toBeVisible();

    await home.open("/assistants");
    await expect(page.getByRole("row", { name: /waiting for payment.*not paid/ })).toBeVisible();
    await page.getByRole("link", { name: "Untitled assistant" }).click();
    await expect(page.getByRole("button", { name: "Redeploy" })).toHaveAccessibleDescription("Pay for it first.");

    await home.open(`${new URL(page.url()).pathname}?checkout_id=made-up`);
    await expect(page.getByText("Waiting for the payment to be confirmed")).toBeVisible();
    await home.becomes("waiting for payment");
    await expect(page.getByRole("heading", { name: "Activate" })).toHaveCount(0);

    await page.getByRole("link", { name: "Go to checkout" }).click();
    await home.pay();
    await home.becomes("ready to activate");
  });
});

test("a double click orders one slot", async ({ home, page, javaScriptEnabled }) => {
  test.skip(!javaScriptEnabled, "without scripts nothing can keep a browser from sending a form twice");
  await home.open("/assistants/new");
  await page.getByLabel("Managed", { exact: true }).check();
  await page.getByRole("button", { name: "Continue to checkout" }).dblclick();
  await expect(page.getByRole("button", { name: "Pay", exact: true })).toBeVisible();
  await home.open("/assistants");
  await expect(page.getByRole("row", { name: /waiting for payment/ })).toHaveCount(1);
});

test("an unpaid slot can be deleted", async ({ home, page }) => {
  await home.order("Your own model key");
  await home.open("/assistants");
  await page.getByRole("link", { name: "Untitled assistant" }).click();
  await home.unfold("Delete");
  await page.getByRole("button", { name: "Delete it for good" }).click();
  await expect(page.getByText("The assistant is deleted.")).toBeVisible();
});
