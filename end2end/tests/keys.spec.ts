import { expect, test } from "../support/signed-in.ts";

test("a key is shown once, works, and is revoked", async ({ home, page, request }) => {
  await home.open("/keys");
  await page.getByLabel("Name").fill("deploy script");
  await page.getByLabel("write: buy").uncheck();
  await page.getByLabel("It expires").selectOption("30");
  await page.getByRole("button", { name: "Create key" }).click();
  const key = await page.getByLabel("New API key").innerText();
  expect(key).toMatch(/^reef_live_[0-9a-f]{48}$/);
  const row = page.getByRole("row", { name: /deploy script/ });
  await expect(row).toContainText("read");
  await expect(row).not.toContainText("write");

  const asks = async (method: "get" | "post", path: string) =>
    (await request[method](`/api/v1${path}`, { headers: { "X-API-Key": key }, data: method === "post" ? { apiMode: "byok" } : undefined })).status();
  expect(await asks("get", "/assistants")).toBe(200);
  expect(await asks("post", "/assistants/purchase")).toBe(403);

  await home.open("/keys");
  await expect(page.getByRole("row", { name: /deploy script/ })).toBeVisible();
  await expect(page.getByText(key)).toHaveCount(0);

  await page.getByLabel("Revoke deploy script").click();
  await page.getByRole("button", { name: "Revoke this key" }).click();
  await expect(page.getByText("The key is revoked")).toBeVisible();
  await expect(page.getByText("You have no keys.")).toBeVisible();
  expect(await asks("get", "/assistants")).toBe(401);
});

test.describe("a key without a scope", () => {
  test.use({ expectedComplaints: ["400 (Bad Request)"] });

  test("is not made, and what was typed stays", async ({ home, page }) => {
    await home.open("/keys");
    await page.getByLabel("Name").fill("useless");
    await page.getByLabel("read: look").uncheck();
    await page.getByLabel("write: buy").uncheck();
    await page.getByRole("button", { name: "Create key" }).click();
    await expect(page.getByText("A key needs at least one scope.")).toBeVisible();
    await expect(page.getByLabel("Name")).toHaveValue("useless");
    await expect(page.getByLabel("read: look")).not.toBeChecked();
    await expect(page.getByText("You have no keys.")).toBeVisible();
  });
});

test("the signing secret is shown on demand and rotated", async ({ home, page }) => {
  await home.open("/keys");
  const secret = page.getByLabel("Callback signing secret", { exact: true });
  await expect(secret).toBeHidden();
  await home.unfold("Show the secret");
  const before = await secret.innerText();
  expect(before).toMatch(/^whsec_/);
  await home.unfold("Rotate the secret");
  await page.getByRole("button", { name: "Make a new secret" }).click();
  await expect(page.getByText("There is a new signing secret.")).toBeVisible();
  await home.unfold("Show the secret");
  await expect(secret).toHaveText(/^whsec_/);
  await expect(secret).not.toHaveText(before);
});
