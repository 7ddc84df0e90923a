import { Dashboard } from "./dashboard.ts";
import { test as base } from "./test.ts";

type People = {
  /** A stranger in front of the pages. */
  dashboard: Dashboard;
  /** Somebody who is signed in. */
  home: Dashboard;
  /** The same person's other browser, where nobody is signed in yet. */
  elsewhere: Dashboard;
};

/** Tests of somebody who is on the dashboard. */
export const test = base.extend<People>({
  dashboard: async ({ page, javaScriptEnabled }, use) => use(new Dashboard(page, javaScriptEnabled ?? true)),
  home: async ({ dashboard, user }, use) => {
    await dashboard.signIn(user);
    await use(dashboard);
  },
  elsewhere: async ({ browser, baseURL, javaScriptEnabled }, use) => {
    const context = await browser.newContext({ baseURL, javaScriptEnabled });
    await use(new Dashboard(await context.newPage(), javaScriptEnabled ?? true));
    await context.close();
  },
});

export { expect } from "./test.ts";
