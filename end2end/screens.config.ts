import { defineConfig } from "@playwright/test";
import { chromiumArguments, chromiumPath } from "./support/chromium.ts";

// Takes the screenshots in docs/screens. They are not tests, but a page that cannot be reached fails.
export default defineConfig({
  testDir: "screens",
  outputDir: "test-results/screens",
  fullyParallel: true,
  workers: 2,
  timeout: 120_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: {
    launchOptions: { executablePath: chromiumPath, args: chromiumArguments },
    // The pages' content security policy would block the style that is added for screenshots.
    bypassCSP: true,
    locale: "en-GB",
    timezoneId: "UTC",
  },
});
