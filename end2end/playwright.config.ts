import { defineConfig } from "@playwright/test";
import { chromiumArguments, chromiumPath } from "./support/chromium.ts";

const wide = { viewport: { width: 1440, height: 900 } };
const narrow = { viewport: { width: 390, height: 844 } };
const [light, dark] = [{ colorScheme: "light" }, { colorScheme: "dark" }] as const;
const [script, plain] = [{ javaScriptEnabled: true }, { javaScriptEnabled: false }];
/** Judges every page at every size in every colour by itself. */
const JUDGE = "pages.spec.ts";

// Every flow runs with WebAssembly and as people with scripts switched off meet Reef, on a desk and on a phone, in light and
// in dark: in four of the eight ways, so that each pair of them is met.
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
    trace: "retain-on-failure",
    launchOptions: { executablePath: chromiumPath, args: chromiumArguments },
  },
  projects: [
    { name: "script, wide, light", use: { ...script, ...wide, ...light } },
    { name: "script, narrow, dark", use: { ...script, ...narrow, ...dark }, testIgnore: JUDGE },
    { name: "plain, wide, dark", use: { ...plain, ...wide, ...dark } },
    { name: "plain, narrow, light", use: { ...plain, ...narrow, ...light }, testIgnore: JUDGE },
  ],
});
