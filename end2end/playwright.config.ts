import { defineConfig } from "@playwright/test";
import { chromiumArguments, chromiumPath } from "./support/chromium.ts";

type Mode = { script: boolean; wide: boolean; light: boolean };

/** The specs of what people do. The other specs are about pages as such, and about what is the same on a phone. */
const FLOWS = ["accounts", "activation", "checkout", "keys", "life", "mail", "settings"].map((name) => `${name}.spec.ts`);

/** Each pair of values of scripts, width and color is in one of these. The first and the last run all specs, the others the flows. */
const MODES: Mode[] = [
  { script: true, wide: true, light: true },
  { script: true, wide: false, light: false },
  { script: false, wide: true, light: false },
  { script: false, wide: false, light: true },
];

/** The flows in the other four combinations: `WAYS=all cargo xtask end2end`. */
const OTHER_MODES: Mode[] = process.env.WAYS === "all" ? MODES.map((mode) => ({ ...mode, light: !mode.light })) : [];

function project({ script, wide, light }: Mode) {
  return {
    name: [script ? "script" : "plain", wide ? "wide" : "narrow", light ? "light" : "dark"].join(", "),
    use: {
      javaScriptEnabled: script,
      viewport: wide ? { width: 1440, height: 900 } : { width: 390, height: 844 },
      // The same as the server's, for tests that compare times; `details.spec.ts` uses other zones.
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
  // Enough for a machine that is three times slower than a laptop.
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: {
    // Traces of all tests take a fifth of the time; `--trace on` records one when a test is investigated.
    trace: "off",
    screenshot: "only-on-failure",
    launchOptions: { executablePath: chromiumPath, args: chromiumArguments },
  },
  projects: [...MODES, ...OTHER_MODES].map((mode, index) => ({
    ...project(mode),
    testMatch: index === 0 || index === MODES.length - 1 ? "*.spec.ts" : FLOWS,
  })),
});
