import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect } from "./test.ts";

/** The windows in which pages are checked. */
export const SIZES = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];

/** Checks that the current page is accessible and does not scroll sideways, wide and narrow, light and dark. */
export async function checkCurrent(page: Page, path: string, script: boolean): Promise<void> {
  const { light, dark } = { light: "light", dark: "dark" } as const;
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const colorScheme of [light, dark]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const where = `${path} at ${size.width}, ${colorScheme}`;
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(sideways, `${where} scrolls sideways`).toBeLessThanOrEqual(0);
      // axe is a script, so it cannot run without scripts. The page is the same with them.
      if (!script) continue;
      const axe = new AxeBuilder({ page }).exclude("iframe");
      // In the other color scheme only the contrast differs.
      if (colorScheme !== (size.width > 1000 ? light : dark)) axe.withRules(["color-contrast"]);
      const { violations } = await axe.analyze();
      const found = violations.filter(({ impact }) => impact !== "minor").map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
      expect(found, where).toEqual([]);
    }
  }
}
