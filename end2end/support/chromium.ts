/** The system's browser: Playwright downloads none. */
export const chromiumPath = process.env.CHROMIUM || "/usr/bin/chromium";

/** Without a sandbox of its own, which containers do not give it, and without calling home. */
export const chromiumArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
