import { expect, test } from "../support/signed-in.ts";

test("managed plan needs no model key", async ({ member, page }) => {
  await member.order("Managed");
  await member.pay();
  await expect(page.getByLabel("Telegram bot token")).toBeVisible();
  await expect(page.getByLabel("Model API key")).toHaveCount(0);
  await expect(page.getByLabel("Model", { exact: true })).toContainText("Auto (OpenRouter chooses)");
});

test("offer of the landing page chooses its plan and shows the price", async ({ member, page }) => {
  await member.open("/");
  await page.getByRole("link", { name: "Get started with Managed" }).click();
  await expect(page).toHaveURL("/assistants/new?mode=managed");
  const managed = page.getByLabel("Managed", { exact: true });
  await expect(managed).toBeChecked();
  await expect(managed).toHaveAccessibleDescription(/\$29 \/ month/);
  await expect(page.getByLabel("Bring your own key", { exact: true })).toHaveAccessibleDescription(/\$19 \/ month/);
});

test.describe("a declined card", () => {
  test.use({ expectedErrors: ["402 (Payment Required)"] });

  test("leaves the order unpaid, whatever the URL says, and can be retried", async ({ member, page }) => {
    await member.order("Bring your own key");
    await page.getByRole("button", { name: "Decline the card" }).click();
    await expect(page.getByText("The card was declined")).toBeVisible();

    await member.open("/assistants/new");
    await page.getByRole("link", { name: "Untitled assistant" }).click();
    const path = new URL(page.url()).pathname;
    await member.open(`${path}?checkout_id=made-up`);
    await expect(page.getByText("Your checkout is still open")).toBeVisible();
    await member.waitForStatus("Awaiting payment");
    await expect(page.getByRole("heading", { name: "Activate" })).toHaveCount(0);

    await page.getByRole("button", { name: "Go to checkout" }).click();
    expect(await member.pay()).toBe(path);
    await member.waitForStatus("needs setup");
  });
});

test("abandoned checkout can be resumed, even when it has expired", async ({ member, page }) => {
  await member.order("Bring your own key");
  await member.open("/assistants/new");
  await page.getByRole("button", { name: "Resume checkout of Untitled assistant" }).click();
  await page.getByRole("button", { name: "Expire the checkout" }).click();
  await expect(page.getByRole("button", { name: "Pay", exact: true })).toHaveCount(0);

  await member.open("/assistants/new");
  await page.getByRole("link", { name: "Untitled assistant" }).click();
  const path = new URL(page.url()).pathname;
  await expect(page.getByText("This checkout expired. You weren’t charged")).toBeVisible();
  await page.getByRole("button", { name: "Start a new checkout" }).click();
  expect(await member.pay()).toBe(path);
  await member.open("/assistants/new");
  await expect(page.getByRole("heading", { name: "Unfinished orders" })).toHaveCount(0);
});

test("double click orders one assistant", async ({ member, page }) => {
  await member.open("/assistants/new");
  await page.getByLabel("Managed", { exact: true }).check();
  await page.getByRole("button", { name: "Continue to checkout" }).dblclick();
  await expect(page.getByRole("button", { name: "Pay", exact: true })).toBeVisible();
  await member.open("/assistants/new");
  await expect(page.getByRole("button", { name: /^Resume checkout/ })).toHaveCount(1);
});

test("billing portal opens after the first payment", async ({ member, page }) => {
  await member.open("/billing");
  await page.getByRole("button", { name: "Open billing portal" }).click();
  await expect(page.getByText("no invoices for this account yet")).toBeVisible();
  await member.order("Bring your own key");
  await member.pay();
  await member.open("/billing");
  await expect(page.getByText(/Renews \w{3} \d+, \d{4}/)).toBeVisible();
  await page.getByRole("button", { name: "Open billing portal" }).click();
  await expect(page).toHaveURL(/\/sandbox\/polar\//);
  await expect(page.getByText("Assistant (Bring your own key)").first()).toBeVisible();
});

test("unknown payment status is refreshed automatically", async ({ member, page, request }) => {
  await member.order("Managed");
  await member.open("/assistants");
  await page.getByRole("link", { name: "Untitled assistant" }).click();
  const broken = { method: "GET", path: "/sandbox/polar/v1/checkouts/*", status: 500, times: 1000 };
  await request.put("/sandbox/faults", { data: [broken] });
  await page.reload();
  await expect(page.getByText("We can’t confirm your payment yet")).toBeVisible();
  await request.put("/sandbox/faults", { data: [] });
  await member.waitForVisible(page.getByText("Your checkout is still open"));
});

test("unpaid order can be deleted", async ({ member, page }) => {
  await member.order("Bring your own key");
  await member.open("/assistants");
  await page.getByRole("link", { name: "Untitled assistant" }).click();
  await (await member.openDialog("Delete")).getByRole("button", { name: "Delete permanently" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Untitled assistant was deleted");
  await expect(page.getByText("None. If a payment arrives later")).toBeVisible();
});
