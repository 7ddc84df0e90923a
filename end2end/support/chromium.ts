/** The system's browser, because Playwright's own is not downloaded. */
export const chromiumPath = process.env.CHROMIUM || "/usr/bin/chromium";

/** Turns off the sandbox, which containers do not allow, and background requests. */
export const chromiumArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
