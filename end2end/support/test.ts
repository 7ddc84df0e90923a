import { randomUUID } from "node:crypto";
import { type Page, test as base, expect } from "@playwright/test";
import { Reef } from "./reef.ts";

/** Somebody with an account. */
export type User = { email: string; password: string };

type PerTest = {
  /** A fresh account, not signed in. */
  user: User;
  /** What the browser may complain about in this test: each entry is part of a message. Nothing, unless a test says so. */
  expectedComplaints: string[];
};

type PerWorker = {
  /** The server, shared by a worker's tests: each makes users of its own. */
  reef: Reef;
};

/** Playwright's `test`, with a Reef behind `page`; a console error or a failed request fails the test. */
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

  expectedComplaints: [[], { option: true }],

  page: async ({ page, expectedComplaints, reef }, use, info) => {
    const complaints = listen(page);
    await use(page);
    const surprising = complaints.filter((text) => !expectedComplaints.some((part) => text.includes(part)));
    if (info.status !== info.expectedStatus || surprising.length > 0) {
      await info.attach("reef.log", { body: await reef.log(), contentType: "text/plain" });
    }
    expect(surprising, "the browser's complaints").toEqual([]);
  },
});

export { expect };

/** Collects what the browser's console, its network and the page's scripts complain about. */
function listen(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      complaints.push(`console: ${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
  page.on("requestfailed", (request) => {
    // Leaving a page ends its event stream and whatever else is under way: the browser's doing, not a fault.
    const reason = request.failure()?.errorText ?? "";
    if (reason !== "net::ERR_ABORTED") complaints.push(`request: ${request.method()} ${request.url()} ${reason}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 500) complaints.push(`answer: ${response.status()} ${response.url()}`);
  });
  return complaints;
}

/** Waits until the page is live: after this, clicks reach WebAssembly. Without scripts there is nothing to wait for. */
export async function live(page: Page, javaScriptEnabled: boolean): Promise<void> {
  if (javaScriptEnabled) await page.locator("html[data-live]").waitFor();
}
