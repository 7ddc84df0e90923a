import { defineConfig } from "@playwright/test";
import { chromiumArguments, chromiumPath } from "./support/chromium.ts";

// Pictures of every page, for docs/screens: no tests, though a page that cannot be reached fails.
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
    // The style that pictures are taken with is not the pages' own, so their policy would refuse it.
    bypassCSP: true,
    locale: "en-GB",
    timezoneId: "UTC",
  },
});
