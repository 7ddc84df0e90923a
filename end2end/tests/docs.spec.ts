import { expect, test } from "../support/signed-in.ts";

test("reference has every endpoint, and its code can be copied", async ({ dashboard, page, context, javaScriptEnabled }) => {
  await dashboard.open("/docs");
  await page.getByRole("main").getByRole("link", { name: "Activate assistant" }).first().click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Activate assistant");
  const curl = page.locator("[data-copy]").filter({ hasText: "curl" }).first();
  await expect(curl).toBeVisible();
  const button = curl.getByRole("button", { name: "Copy" });
  if (!javaScriptEnabled) {
    await expect(button).toBeHidden();
    return;
  }
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await button.click();
  await expect(curl.getByRole("button", { name: "Copied" })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(await curl.locator("code").innerText());
  await expect(button).toBeVisible({ timeout: 4000 });
});

test("every page has a Markdown version that llms.txt lists", async ({ dashboard, page, request }) => {
  await dashboard.open("/docs");
  const links = page.locator("#docs-pages a");
  const paths = await links.evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).pathname));
  expect(paths.length).toBeGreaterThan(15);
  const named = await (await request.get("/llms.txt")).text();
  for (const path of new Set(paths)) {
    const twin = await request.get(`${path}.md`);
    expect(twin.status(), path).toBe(200);
    expect(twin.headers()["content-type"], path).toContain("text/markdown");
    expect(named, path).toContain(`${path}.md`);
  }
});

test.describe("trying a request", () => {
  test.skip(({ javaScriptEnabled }) => !javaScriptEnabled, "needs scripts, which the page says");
  test.use({ expectedErrors: ["401 (Unauthorized)"] });

  test("returns the data of the key's owner", async ({ member, page, user, reef }) => {
    await member.order("Managed");
    const key = await reef.createKey(user.email);
    await member.open("/docs/list-assistants");
    const send = page.getByRole("button", { name: "Send GET request" });
    const result = page.locator("[data-output]");

    await page.getByLabel("X-API-Key").fill("reef_live_ab12…");
    await send.click();
    await expect(result).toContainText("The list of API keys shows only the beginning of each key.");
    await page.getByLabel("X-API-Key").fill("reef_live_wrong");
    await send.click();
    await expect(result).toContainText("401");
    await expect(result).toContainText("UNAUTHORIZED");
    await page.getByLabel("X-API-Key").fill(key);
    await send.click();
    await expect(result).toContainText("200");
    await expect(result).toContainText("Untitled assistant");
    expect(page.url()).not.toContain("reef_live");
  });
});
