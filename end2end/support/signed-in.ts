import { Dashboard } from "./dashboard.ts";
import { test as base, expect } from "./test.ts";

type People = {
  /** A stranger in front of the pages. */
  dashboard: Dashboard;
  /** Somebody who is signed in and has no page open yet. */
  home: Dashboard;
  /** The same person's other browser, where nobody is signed in yet. */
  elsewhere: Dashboard;
};

/** Tests of somebody who is on the dashboard. */
export const test = base.extend<People>({
  dashboard: async ({ page, javaScriptEnabled }, use) => use(new Dashboard(page, javaScriptEnabled ?? true)),
  home: async ({ dashboard, page, user, baseURL }, use) => {
    // By its form's own request: how people sign in is what `accounts.spec.ts` is about, and takes two pages.
    await page.request.post("/_fn/sign_in", { form: user, headers: { Origin: baseURL ?? "" } });
    const names = (await page.context().cookies()).map((cookie) => cookie.name);
    expect(names.sort(), "signed in, and known as a browser that was").toEqual(["reef", "reef-device"]);
    await use(dashboard);
  },
  elsewhere: async ({ browser, baseURL, javaScriptEnabled }, use) => {
    const context = await browser.newContext({ baseURL, javaScriptEnabled });
    await use(new Dashboard(await context.newPage(), javaScriptEnabled ?? true));
    await context.close();
  },
});

export { expect } from "./test.ts";
