import { randomInt } from "node:crypto";
import { expect, type Locator, type Page } from "@playwright/test";
import { type User, waitUntilLive } from "./test.ts";

/** What people do on the dashboard, with and without JavaScript. */
export class Dashboard {
  constructor(
    readonly page: Page,
    private readonly script: boolean,
  ) {}

  /** Opens a page, waits until it is live, and returns the status of the response. */
  async open(path: string): Promise<number | undefined> {
    // A page whose session has just ended may redirect to the sign-in page at this very moment.
    const answer = await this.page.goto(path).catch((error: Error) => {
      if (error.message.includes("interrupted by another navigation")) return this.page.goto(path);
      throw error;
    });
    await waitUntilLive(this.page, this.script);
    return answer?.status();
  }

  /** Sends an email and a password on the sign-in page. */
  async trySigningIn(user: User): Promise<void> {
    await this.open("/signin");
    await this.page.getByLabel("Email").fill(user.email);
    await this.page.getByLabel("Password").fill(user.password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  /** Tries to sign in and expects the error for wrong credentials. */
  async expectSignInRefused(user: User): Promise<void> {
    await this.trySigningIn(user);
    await expect(this.page.getByRole("alert")).toContainText("Incorrect email or password");
  }

  /** Signs in and waits for the list of assistants. */
  async signIn(user: User): Promise<void> {
    await this.trySigningIn(user);
    await expect(this.page).toHaveURL("/assistants");
    await waitUntilLive(this.page, this.script);
  }

  /** Signs out with the button in the header. */
  async signOut(): Promise<void> {
    await this.page.getByRole("button", { name: "Sign out", exact: true }).first().click();
    await expect(this.page).toHaveURL("/");
  }

  /** Orders an assistant and waits for its checkout. */
  async order(mode: "Bring your own key" | "Managed"): Promise<void> {
    await this.open("/assistants/new");
    await this.page.getByLabel(mode, { exact: true }).check();
    await this.page.getByRole("button", { name: "Continue to checkout" }).click();
    await expect(this.page.getByRole("button", { name: "Pay", exact: true })).toBeVisible();
  }

  /** Pays on the checkout page and waits for the confirmation. Returns the assistant's path. */
  async pay(): Promise<string> {
    await this.page.getByRole("button", { name: "Pay", exact: true }).click();
    await expect(this.page).toHaveURL(/\/assistants\/[0-9a-f-]{36}\?checkout_id=/);
    await waitUntilLive(this.page, this.script);
    await this.waitForVisible(this.page.getByRole("heading", { name: "Activate" }));
    return new URL(this.page.url()).pathname;
  }

  /** Fills in the activation form. Fields without a value are left empty. */
  async fillActivation(fields: { name?: string; model?: string; key?: string; token?: string; callback?: string }) {
    const { page } = this;
    await page.getByLabel("Name").fill(fields.name ?? "");
    await page.getByLabel("Model", { exact: true }).selectOption(fields.model ?? "");
    if (fields.key !== undefined) await page.getByLabel("Model API key").fill(fields.key);
    await page.getByLabel("Telegram bot token").fill(fields.token ?? "");
    await page.getByLabel("Webhook URL").fill(fields.callback ?? "");
  }

  /** Orders, pays for and activates an assistant, and waits for a status. Returns its path. */
  async createAssistant(name: string, token: string, callback = "", status = "active"): Promise<string> {
    await this.order("Bring your own key");
    const path = await this.pay();
    await this.fillActivation({ name, model: "anthropic:claude-sonnet-5", key: "sk-ant-good", token, callback });
    await this.page.getByRole("button", { name: "Activate" }).click();
    await this.waitForStatus(status);
    return path;
  }

  /** Waits until the status section shows a status, in any case. A page with scripts is not reloaded for that. */
  async waitForStatus(status: string): Promise<void> {
    await this.waitForVisible(this.page.getByRole("region", { name: "Status" }).getByText(new RegExp(`^${status}$`, "i")));
  }

  /** Waits until something is visible. A live page shows it automatically, and a page without scripts is reloaded. */
  async waitForVisible(what: Locator): Promise<void> {
    await expect(async () => {
      if (!this.script && !(await what.isVisible())) await this.page.reload();
      await expect(what).toBeVisible({ timeout: this.script ? 25_000 : 250 });
    }).toPass({ timeout: 30_000 });
  }

  /**
   * Presses a button that sends a form, and waits until the server's refusal is shown. What the page shows of an earlier refusal may
   * look the same, so its words don't say that the form can be filled in again.
   */
  async sendRefused(button: Locator): Promise<void> {
    const isForm = (method: string, url: string) => method === "POST" && new URL(url).pathname.startsWith("/_fn/");
    // Without scripts, the browser loads the form's page again. With them, the form is busy until its error is shown.
    const shown = this.script
      ? this.page.waitForResponse((response) => isForm(response.request().method(), response.url()))
      : this.page.waitForEvent("load");
    await button.click();
    await shown;
    await expect(this.page.locator("form[aria-busy]")).toHaveCount(0);
  }

  /** Presses a button that opens a dialog, and returns the dialog. */
  async openDialog(button: string): Promise<Locator> {
    await this.page.getByRole("button", { name: button, exact: true }).click();
    const dialog = this.page.getByRole("dialog");
    await expect(dialog).toBeVisible();
    return dialog;
  }

  /** Opens the `<details>` with this summary, unless it is open. */
  async openDetails(summary: string): Promise<void> {
    const details = this.page.locator("details").filter({ has: this.page.locator("summary", { hasText: summary }) }).first();
    if ((await details.getAttribute("open")) === null) await details.locator(":scope > summary").click();
  }

  /** Sends a message to a bot on the sandbox's chat page and returns the answer. */
  async chat(token: string, text: string): Promise<string> {
    await this.page.goto(`/sandbox/telegram/bots/${token.split(":")[0]}`);
    const answers = this.page.locator(".chat li.bot");
    const before = await answers.count();
    await this.page.getByLabel("Message").fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
    await this.waitForVisible(answers.nth(before));
    return answers.nth(before).innerText();
  }
}

/** A bot token that is unique in the sandbox. `secret` may be a word that makes the sandbox simulate a failure. */
export function botToken(secret = ""): string {
  return `${randomInt(100_000_000, 999_999_999)}:${secret}AAGoodTokenForTheBrowserTests_${randomInt(1e9)}`;
}
