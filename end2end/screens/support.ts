import { mkdir } from "node:fs/promises";
import { type APIRequestContext, type Page, expect } from "@playwright/test";
import sharp from "sharp";
import { Dashboard } from "../support/dashboard.ts";
import { Reef } from "../support/reef.ts";
import { type User, test as base } from "../support/test.ts";

const FOLDER = new URL("../../docs/screens/", import.meta.url).pathname;
const SIZES = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];
/** Screenshots are cut off at this height, in pixels, because a list of two hundred looks the same further down. */
const HEIGHT_MAX = 2400;
/** Screenshots have no scrollbar, so no space is reserved for one. */
const STYLE = "html { scrollbar-gutter: auto !important }";
const PASSWORD = "four plain words here";

/** A user whose pages are shown: signed in to the browser, and with an API key for what would take long by clicks. */
export class Customer {
  private constructor(
    readonly dashboard: Dashboard,
    readonly user: User,
    private readonly request: APIRequestContext,
    private readonly key: string,
  ) {}

  static async create(reef: Reef, page: Page, request: APIRequestContext, email: string): Promise<Customer> {
    await reef.createUser(email, PASSWORD);
    const key = await reef.createKey(email, "screens");
    const dashboard = new Dashboard(page, true);
    const user = { email, password: PASSWORD };
    await dashboard.signIn(user);
    return new Customer(dashboard, user, request, key);
  }

  /** Orders an assistant. Returns its id and the URL of its checkout. */
  async order(apiMode: "byok" | "managed" = "byok"): Promise<{ deploymentId: string; checkoutUrl: string }> {
    return this.call("POST", "/purchase", { apiMode });
  }

  /** Orders an assistant and pays. Returns its id. */
  async buy(apiMode: "byok" | "managed" = "byok"): Promise<string> {
    const { deploymentId, checkoutUrl } = await this.order(apiMode);
    await this.request.post(`${checkoutUrl}/pay`, { maxRedirects: 0 });
    await this.waitForStatus(deploymentId, "purchased");
    return deploymentId;
  }

  /** Buys and activates an assistant and waits for a status. Returns its id. */
  async createAssistant(name: string, token: string, status: string, callbackUrl?: string): Promise<string> {
    const id = await this.buy();
    const model = { modelProvider: "anthropic", modelId: "claude-sonnet-5-5", modelApiKey: "sk-ant-any" };
    await this.call("POST", `/${id}/activate`, { name, ...model, telegramBotToken: token, callbackUrl });
    await this.waitForStatus(id, status);
    return id;
  }

  async changeSettings(id: string, data: object): Promise<void> {
    await this.call("PATCH", `/${id}/settings`, data);
  }

  async stop(id: string): Promise<void> {
    await this.call("POST", `/${id}/stop`);
  }

  private async waitForStatus(id: string, status: string): Promise<void> {
    await expect.poll(async () => (await this.call<{ status: string }>("GET", `/${id}/status`)).status).toBe(status);
  }

  private async call<T>(method: string, path: string, data?: object): Promise<T> {
    const headers = { "X-API-Key": this.key };
    const answer = await this.request.fetch(`/api/v1/assistants${path}`, { method, headers, data });
    expect(answer.ok(), `${method} ${path}: ${answer.status()}`).toBe(true);
    return (await answer.json()).data as T;
  }
}

/** Takes screenshots, wide and narrow, light and dark, of the whole page or of what the window shows. */
async function shootVariants(page: Page, name: string, whole: boolean): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await takeScreenshot(page, `${FOLDER}${name}-${size.width}-${colorScheme}.png`, whole);
    }
  }
}

/** Takes a screenshot with few colors, because the repository contains all of them. */
async function takeScreenshot(page: Page, file: string, whole: boolean): Promise<void> {
  const { width, height } = await page.evaluate(() => ({
    width: window.innerWidth,
    height: document.documentElement.scrollHeight,
  }));
  const clip = whole ? { x: 0, y: 0, width, height: Math.min(height, HEIGHT_MAX) } : undefined;
  const taken = await page.screenshot({ clip, fullPage: whole, animations: "disabled", caret: "hide", style: STYLE });
  await sharp(taken).png({ palette: true, colours: 128, effort: 7 }).toFile(file);
}

/** Playwright's `test` with screenshots instead of assertions. */
export const test = base.extend<
  { customer: (email: string) => Promise<Customer>; shoot: (name: string, path?: string) => Promise<void>; shootWindow: (name: string) => Promise<void> },
  { reef: Reef }
>({
  reef: [
    async ({}, use) => {
      const reef = await Reef.start({ RATE_LIMIT_PER_MINUTE: "100000" });
      await use(reef);
      await reef.stop();
    },
    { scope: "worker", timeout: 40_000 },
  ],

  // One of the pages does not exist.
  expectedErrors: [["404 (Not Found)", "400 (Bad Request)"], { option: true }],

  customer: async ({ reef, page, request }, use) => use((email) => Customer.create(reef, page, request, email)),

  shoot: async ({ page }, use) =>
    use(async (name, path) => {
      // The sandbox's pages have no scripts to wait for.
      if (path?.includes("/sandbox/")) await page.goto(path);
      else if (path) await new Dashboard(page, true).open(path);
      await shootVariants(page, name, true);
    }),

  // A dialog is in the middle of the window, not of the page.
  shootWindow: async ({ page }, use) => use((name) => shootVariants(page, name, false)),
});

export { expect };
