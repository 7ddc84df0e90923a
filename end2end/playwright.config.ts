import { defineConfig } from "@playwright/test";
import { chromiumArguments, chromiumPath } from "./support/chromium.ts";

type Way = { script: boolean; wide: boolean; light: boolean };

/** What people do; the other specs are about pages as such, and about what a phone does no differently. */
const FLOWS = ["accounts", "activation", "checkout", "keys", "life", "mail", "settings"].map((name) => `${name}.spec.ts`);

/** Any two of scripts, width and colour meet in one of these. The first and the last run all specs, the others the flows. */
const WAYS: Way[] = [
  { script: true, wide: true, light: true },
  { script: true, wide: false, light: false },
  { script: false, wide: true, light: false },
  { script: false, wide: false, light: true },
];

/** The flows in the four other ways too: `WAYS=all cargo xtask end2end`. */
const OTHER_WAYS: Way[] = process.env.WAYS === "all" ? WAYS.map((way) => ({ ...way, light: !way.light })) : [];

function project({ script, wide, light }: Way) {
  return {
    name: [script ? "script" : "plain", wide ? "wide" : "narrow", light ? "light" : "dark"].join(", "),
    use: {
      javaScriptEnabled: script,
      viewport: wide ? { width: 1440, height: 900 } : { width: 390, height: 844 },
      // What the server says of moments is in UTC; `details.spec.ts` looks from elsewhere.
      timezoneId: "UTC",
      colorScheme: light ? ("light" as const) : ("dark" as const),
    },
  };
}

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  fullyParallel: true,
  workers: 2,
  forbidOnly: Boolean(process.env.CI),
  retries: 0,
  // Room for a machine that is three times slower than a laptop; who waits for something goes on as soon as it is there.
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: {
    // A trace of every test costs a fifth of the time; `--trace on` records one of a test that is looked into.
    trace: "off",
    screenshot: "only-on-failure",
    launchOptions: { executablePath: chromiumPath, args: chromiumArguments },
  },
  projects: [...WAYS, ...OTHER_WAYS].map((way, index) => ({
    ...project(way),
    testMatch: index === 0 || index === WAYS.length - 1 ? "*.spec.ts" : FLOWS,
  })),
});
