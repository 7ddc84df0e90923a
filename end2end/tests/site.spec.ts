import { expect, test, waitUntilLive } from "../support/test.ts";

test("landing page is rendered by the server and becomes live", async ({ page, javaScriptEnabled }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page).toHaveTitle(/Reef/);
  await waitUntilLive(page, javaScriptEnabled);
});

test("landing page shows product, prices and API on a phone without sideways scrolling", async ({
  page,
}) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/");
  await expect(page.locator('meta[name="description"]')).toHaveAttribute("content", /AI assistant on Telegram/);
  for (const words of ["$19 / month", "$29 / month"]) await expect(page.getByText(words)).toBeVisible();
  await expect(page.getByRole("img", { name: /^A chat on Telegram/ })).toBeVisible();
  await expect(page.getByRole("listitem")).toContainText(["Choose a plan", "Connect your bot", "Start chatting"]);
  await expect(page.getByRole("region", { name: "Ordering an assistant with curl" })).toContainText("/api/v1/assistants/purchase");
  await expect(page.getByRole("link", { name: "Read the API reference" })).toHaveAttribute("href", "/docs");
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
});

test.describe("a page that does not exist", () => {
  test.use({ expectedErrors: ["404 (Not Found)"] });

  test("returns 404 with a link to the dashboard", async ({ page, javaScriptEnabled }) => {
    const answer = await page.goto("/no/such/page");
    expect(answer?.status()).toBe(404);
    await waitUntilLive(page, javaScriptEnabled);
    await page.getByRole("link", { name: "Go to dashboard" }).click();
    await expect(page).toHaveURL("/signin?next=%2Fassistants");
  });
});

test.describe("a browser that cannot load the WebAssembly", () => {
  test.use({ expectedErrors: ["ERR_FAILED", "script: "] });
  test.skip(({ javaScriptEnabled }) => !javaScriptEnabled, "nothing is loaded without scripts");

  test("gets the page for browsers without scripts", async ({ page }) => {
    await page.route("**/*.wasm", (route) => route.abort());
    await page.goto("/docs/get-me");
    await expect(page.getByText("Turn on JavaScript to send this request here")).toBeVisible();
    await expect(page.getByRole("button", { name: "Send GET request" })).toBeHidden();
  });
});

test("assets are hashed, compressed and cached", async ({ page, javaScriptEnabled }) => {
  const loaded = new Map<string, Record<string, string>>();
  page.on("response", (response) => loaded.set(new URL(response.url()).pathname, response.headers()));
  await page.goto("/");
  await waitUntilLive(page, javaScriptEnabled);
  const files = [...loaded].filter(([path]) => path.startsWith("/pkg/"));
  expect(files.map(([path]) => path.replace(/.*\./, "")).sort()).toEqual(
    javaScriptEnabled ? ["css", "js", "wasm"] : ["css"],
  );
  for (const [path, headers] of files) {
    expect(headers["cache-control"], path).toBe("public, max-age=31536000, immutable");
    expect(headers["content-encoding"], path).toBe("br");
  }
});
