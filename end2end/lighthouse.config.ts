import { defineConfig } from "@playwright/test";

// Lighthouse judges pages one after the other, as a phone meets them: nothing else may run meanwhile. What it measures
// hangs on the machine's other work too, so a page that falls short is measured once more.
export default defineConfig({
  testDir: "lighthouse",
  outputDir: "test-results/lighthouse",
  workers: 1,
  retries: 1,
  timeout: 120_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
});
