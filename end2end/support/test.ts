import { randomUUID } from "node:crypto";
import { type Page, test as base, expect } from "@playwright/test";
import { Reef } from "./reef.ts";

/** The credentials of an account. */
export type User = { email: string; password: string };

type PerTest = {
  /** A new account, not signed in. */
  user: User;
  /** Parts of the warnings and errors that the browser may report in this test. Any other one fails the test. */
  expectedErrors: string[];
};

type PerWorker = {
  /** The server, shared by a worker's tests. Each test creates its own users. */
  reef: Reef;
};

/** Playwright's `test` with a Reef server. A console error or a failed request fails the test. */
export const test = base.extend<PerTest, PerWorker>({
  reef: [
    async ({}, use) => {
      const reef = await Reef.start();
      await use(reef);
      await reef.stop();
    },
    { scope: "worker", timeout: 40_000 },
  ],

  baseURL: async ({ reef }, use) => use(reef.url),

  user: async ({ reef }, use) => {
    const user = { email: `${randomUUID()}@example.com`, password: `pass ${randomUUID()}` };
    await reef.createUser(user.email, user.password);
    await use(user);
  },

  expectedErrors: [[], { option: true }],

  page: async ({ page, expectedErrors, reef }, use, info) => {
    const errors = listen(page);
    await use(page);
    const unexpected = errors.filter((text) => !expectedErrors.some((part) => text.includes(part)));
    if (info.status !== info.expectedStatus || unexpected.length > 0) {
      await info.attach("reef.log", { body: await reef.log(), contentType: "text/plain" });
    }
    expect(unexpected, "warnings and errors of the browser").toEqual([]);
  },
});

export { expect };

/** Collects the warnings and errors of the browser's console, network and scripts. */
function listen(page: Page): string[] {
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      errors.push(`console: ${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => errors.push(`script: ${error.message}`));
  page.on("requestfailed", (request) => {
    // The browser aborts the event stream and other running requests when the page is left.
    const reason = request.failure()?.errorText ?? "";
    if (reason !== "net::ERR_ABORTED") errors.push(`request: ${request.method()} ${request.url()} ${reason}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 500) errors.push(`response: ${response.status()} ${response.url()}`);
  });
  return errors;
}

/** Waits until the page is live, so that the WebAssembly handles clicks. Without scripts there is nothing to wait for. */
export async function waitUntilLive(page: Page, javaScriptEnabled: boolean): Promise<void> {
  if (javaScriptEnabled) await page.locator("html[data-live]").waitFor();
}
