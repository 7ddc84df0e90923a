import { type APIRequestContext, expect } from "@playwright/test";

type Mail = { subject: string; text: string };

/** The emails that the sandbox has received. */
export class Mailbox {
  constructor(private readonly request: APIRequestContext) {}

  /** Lists the emails to an address, oldest first. */
  async to(address: string): Promise<Mail[]> {
    const answer = await this.request.get("/sandbox/mail/messages", { params: { to: address } });
    expect(answer.status()).toBe(200);
    return (await answer.json()).data;
  }

  /** Waits for the newest email with a subject and returns its text. */
  async text(address: string, subject: string): Promise<string> {
    const newest = async () => (await this.to(address)).findLast((mail) => mail.subject === subject)?.text;
    await expect.poll(newest, { message: `“${subject}” to ${address}`, timeout: 30_000 }).toBeDefined();
    return (await newest()) ?? "";
  }

  /** Waits for the newest email with a subject and returns its link as a path of this site. */
  async link(address: string, subject: string): Promise<string> {
    const found = (await this.text(address, subject)).match(/^https?:\/\/\S+\?token=\S+$/m);
    const link = new URL(found?.[0] ?? "");
    return link.pathname + link.search;
  }
}
