import { Dashboard } from "./dashboard.ts";
import { test as base } from "./test.ts";

/** Tests of somebody who is on the dashboard: `dashboard` is a stranger's, `home` is signed in. */
export const test = base.extend<{ dashboard: Dashboard; home: Dashboard }>({
  dashboard: async ({ page, javaScriptEnabled }, use) => use(new Dashboard(page, javaScriptEnabled ?? true)),
  home: async ({ dashboard, user }, use) => {
    await dashboard.signIn(user);
    await use(dashboard);
  },
});

export { expect } from "./test.ts";
