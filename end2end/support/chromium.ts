/** The browser of the system, because Playwright's own is not downloaded. */
export const chromiumPath = process.env.CHROMIUM || "/usr/bin/chromium";

/** No sandbox, which containers do not allow, and no background requests. */
export const chromiumArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
