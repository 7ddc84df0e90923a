import { expect, live, test } from "../support/test.ts";

test("the start page is drawn by the server and comes alive", async ({ page, javaScriptEnabled }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page).toHaveTitle(/Reef/);
  await live(page, javaScriptEnabled);
});

test("the start page says what Reef is, costs and how developers begin, on a phone without scrolling sideways", async ({
  page,
}) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/");
  await expect(page.locator('meta[name="description"]')).toHaveAttribute("content", /assistant in Telegram/);
  for (const words of ["$19 a month", "$29 a month"]) await expect(page.getByText(words)).toBeVisible();
  await expect(page.getByRole("img", { name: /^A chat in Telegram/ })).toBeVisible();
  await expect(page.getByRole("listitem")).toContainText(["Buy", "Activate", "Talk"]);
  await expect(page.getByRole("region", { name: "Ordering a slot with curl" })).toContainText("/api/v1/assistants/purchase");
  await expect(page.getByRole("link", { name: "Read the API reference" })).toHaveAttribute("href", "/docs");
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
});

test.describe("a page that does not exist", () => {
  test.use({ expectedComplaints: ["404 (Not Found)"] });

  test("says so, with the status and a way back", async ({ page, javaScriptEnabled }) => {
    const answer = await page.goto("/no/such/page");
    expect(answer?.status()).toBe(404);
    await live(page, javaScriptEnabled);
    await page.getByRole("link", { name: "start page" }).click();
    await expect(page).toHaveURL("/");
  });
});

test.describe("a browser that does not get the WebAssembly", () => {
  test.use({ expectedComplaints: ["ERR_FAILED", "script: "] });
  test.skip(({ javaScriptEnabled }) => !javaScriptEnabled, "it wants none");

  test("has what pages without scripts have", async ({ page }) => {
    await page.route("**/*.wasm", (route) => route.abort());
    await page.goto("/docs/get-me");
    await expect(page.getByText("Turn on JavaScript to send this request here")).toBeVisible();
    await expect(page.getByRole("button", { name: "Send GET request" })).toBeHidden();
  });
});

test("what a page loads is small, hashed and kept for ever", async ({ page, javaScriptEnabled }) => {
  const loaded = new Map<string, Record<string, string>>();
  page.on("response", (response) => loaded.set(new URL(response.url()).pathname, response.headers()));
  await page.goto("/");
  await live(page, javaScriptEnabled);
  const files = [...loaded].filter(([path]) => path.startsWith("/pkg/"));
  expect(files.map(([path]) => path.replace(/.*\./, "")).sort()).toEqual(
    javaScriptEnabled ? ["css", "js", "wasm"] : ["css"],
  );
  for (const [path, headers] of files) {
    expect(headers["cache-control"], path).toBe("public, max-age=31536000, immutable");
    expect(headers["content-encoding"], path).toBe("br");
  }
});
