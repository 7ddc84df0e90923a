import { defineConfig } from "@playwright/test";
import { chromiumArguments, chromiumPath } from "./support/chromium.ts";

type Mode = { script: boolean; wide: boolean; light: boolean };

/** The specs of user flows. The other specs test pages in themselves, or what does not depend on the mode. */
const FLOWS = ["accounts", "activation", "behavior", "checkout", "keys", "lifecycle", "mail", "people", "settings"].map((name) => `${name}.spec.ts`);

/** Every pair of values of two settings occurs in one of these modes. The first and the last run all specs, the others only the flows. */
const MODES: Mode[] = [
  { script: true, wide: true, light: true },
  { script: true, wide: false, light: false },
  { script: false, wide: true, light: false },
  { script: false, wide: false, light: true },
];

/** The other four combinations, which run the flows with `WAYS=all cargo xtask end2end`. */
const OTHER_MODES: Mode[] = process.env.WAYS === "all" ? MODES.map((mode) => ({ ...mode, light: !mode.light })) : [];

function project({ script, wide, light }: Mode) {
  return {
    name: [script ? "script" : "plain", wide ? "wide" : "narrow", light ? "light" : "dark"].join(", "),
    use: {
      javaScriptEnabled: script,
      viewport: wide ? { width: 1440, height: 900 } : { width: 390, height: 844 },
      // The server's time zone, for tests that compare times. `details.spec.ts` uses others.
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
  // This is enough for a machine that is three times slower than a laptop.
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: {
    // Recording traces of all tests would take a fifth of the time. `--trace on` records them while a test is investigated.
    trace: "off",
    screenshot: "only-on-failure",
    launchOptions: { executablePath: chromiumPath, args: chromiumArguments },
  },
  projects: [...MODES, ...OTHER_MODES].map((mode, index) => ({
    ...project(mode),
    testMatch: index === 0 || index === MODES.length - 1 ? "*.spec.ts" : FLOWS,
  })),
});
