import { Dashboard } from "./dashboard.ts";
import { test as base, expect } from "./test.ts";

type People = {
  /** A browser in which nobody is signed in. */
  dashboard: Dashboard;
  /** The same browser, signed in as `user`, with no page open yet. */
  member: Dashboard;
  /** Another browser, in which nobody is signed in. */
  otherBrowser: Dashboard;
};

/** Tests of the dashboard. */
export const test = base.extend<People>({
  dashboard: async ({ page, javaScriptEnabled }, use) => use(new Dashboard(page, javaScriptEnabled ?? true)),
  member: async ({ dashboard, page, user, baseURL }, use) => {
    // The form's request is faster than the pages, which `accounts.spec.ts` tests.
    await page.request.post("/_fn/sign_in", { form: user, headers: { Origin: baseURL ?? "" } });
    const names = (await page.context().cookies()).map((cookie) => cookie.name);
    expect(names.sort(), "signed in, and remembered as a known device").toEqual(["reef", "reef-device"]);
    await use(dashboard);
  },
  otherBrowser: async ({ browser, baseURL, javaScriptEnabled }, use) => {
    const context = await browser.newContext({ baseURL, javaScriptEnabled });
    await use(new Dashboard(await context.newPage(), javaScriptEnabled ?? true));
    await context.close();
  },
});

export { expect } from "./test.ts";
