import { defineConfig } from "@playwright/test";

// Lighthouse measures one page at a time, as on a phone, and nothing else may run while it does. Other work on the machine
// affects the results, so a page with a low score is measured once more.
export default defineConfig({
  testDir: "lighthouse",
  outputDir: "test-results/lighthouse",
  workers: 1,
  retries: 1,
  timeout: 120_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
});
