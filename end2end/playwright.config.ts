import { defineConfig } from "@playwright/test";
import { chromiumArguments, chromiumPath } from "./support/chromium.ts";

const wide = { viewport: { width: 1440, height: 900 } };
const narrow = { viewport: { width: 390, height: 844 } };
const [light, dark] = [{ colorScheme: "light" }, { colorScheme: "dark" }] as const;
const [script, plain] = [{ javaScriptEnabled: true }, { javaScriptEnabled: false }];
/** What people do; the other specs are about pages as such, and about what a phone does no differently. */
const FLOWS = ["accounts", "activation", "checkout", "keys", "life", "mail", "settings"].map((name) => `${name}.spec.ts`);

// Every flow runs with WebAssembly and as people with scripts switched off meet Reef, on a desk and on a phone, in light and in
// dark.
export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  fullyParallel: true,
  workers: 2,
  forbidOnly: Boolean(process.env.CI),
  retries: 0,
  timeout: 30_000,
  expect: { timeout: 5_000 },
  reporter: [["list"]],
  use: {
    // A trace of every test costs a fifth of the time; `--trace on` records one of a test that is looked into.
    trace: "off",
    screenshot: "only-on-failure",
    launchOptions: { executablePath: chromiumPath, args: chromiumArguments },
  },
  projects: [
    { name: "script, wide, light", use: { ...script, ...wide, ...light } },
    { name: "script, narrow, dark", use: { ...script, ...narrow, ...dark }, testMatch: FLOWS },
    { name: "plain, narrow, dark", use: { ...plain, ...narrow, ...dark } },
  ],
});
