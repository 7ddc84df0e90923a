import { type APIRequestContext, expect } from "@playwright/test";

/** A bot in the sandbox, as people in Telegram see it. */
export class Bot {
  private readonly path: string;

  constructor(
    private readonly request: APIRequestContext,
    token: string,
  ) {
    this.path = `/sandbox/telegram/bots/${token.split(":")[0]}`;
  }

  /** A person writes in the private chat with the bot. Waits until the bot has answered. */
  async say(user: number, text: string): Promise<void> {
    const before = await this.answers(user);
    await this.post("messages", { chatId: user, text });
    await expect.poll(() => this.answers(user), { message: `an answer to “${text}”`, timeout: 30_000 }).toBeGreaterThan(before);
  }

  /** A person adds the bot to the group `chat`. */
  async join(chat: number, user: number): Promise<void> {
    await this.post("chats", { chatId: chat, chatType: "supergroup", addedBy: user });
  }

  private async answers(chat: number): Promise<number> {
    const answer = await this.request.get(`${this.path}/messages`, { params: { chatId: chat } });
    expect(answer.status()).toBe(200);
    const all: { from: string }[] = (await answer.json()).data;
    return all.filter(({ from }) => from === "bot").length;
  }

  private async post(path: string, data: object): Promise<void> {
    const answer = await this.request.post(`${this.path}/${path}`, { data });
    expect(answer.ok(), `${path}: ${answer.status()}`).toBe(true);
  }
}
