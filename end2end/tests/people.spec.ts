import type { Page } from "@playwright/test";
import { checkCurrent } from "../support/accessible.ts";
import { Bot } from "../support/bot.ts";
import { botToken, type Dashboard } from "../support/dashboard.ts";
import { expect, test as base } from "../support/signed-in.ts";

/** Tests with an assistant whose bot has not been written to. */
const test = base.extend<{ assistant: { path: string; bot: Bot } }>({
  assistant: async ({ member, request }, use) => {
    const token = botToken();
    const path = await member.createAssistant("Ann", token);
    await use({ path, bot: new Bot(request, token) });
  },
});

const OWNER = 1;
const region = (page: Page, name: string | RegExp) => page.getByRole("region", { name });

/** Opens the page of the people after the owner and three others have written. */
async function openWithRequests(member: Dashboard, { path, bot }: { path: string; bot: Bot }): Promise<void> {
  for (const user of [OWNER, 2, 3, 4]) await bot.say(user, "hello");
  await member.open(`${path}/people`);
}

test("requests are approved, blocked and erased", async ({ member, page, assistant }) => {
  await openWithRequests(member, assistant);
  await expect(region(page, "Requests (3)").getByRole("listitem")).toHaveCount(3);
  await page.getByRole("button", { name: "Approve Person 2" }).click();
  await expect(page.getByText("Approved. They can talk to your assistant now.")).toBeVisible();
  await expect(region(page, "Approved (1)")).toContainText("Person 2");
  await page.getByRole("button", { name: "Block Person 3" }).click();
  await expect(page.getByText("Blocked.", { exact: true })).toBeVisible();
  await expect(region(page, "Blocked (1)")).toContainText("Person 3");

  const dialog = await member.openDialog("Erase Person 4");
  await expect(dialog).toContainText("This can’t be undone.");
  await dialog.getByRole("button", { name: "Erase", exact: true }).click();
  await expect(page.getByText("Erased.")).toBeVisible();
  await expect(region(page, "Requests (0)")).toContainText("Nobody is waiting for your approval.");
});

test("request that arrives is shown on the page and on that of the assistant", async ({ member, page, assistant: { path, bot } }) => {
  await member.open(`${path}/people`);
  await expect(page.getByText("Nobody owns this assistant in Telegram yet.")).toBeVisible();
  await bot.say(OWNER, "hello");
  await bot.say(2, "hello");
  await member.waitForVisible(page.getByRole("heading", { name: "Requests (1)" }));
  await member.open(path);
  await expect(page.getByText("1 person is waiting for your approval.")).toBeVisible();
  await page.getByRole("link", { name: "Review requests" }).click();
  await page.getByRole("button", { name: "Approve Person 2" }).click();
  await expect(page.getByText("Approved. They can talk to your assistant now.")).toBeVisible();
  await member.open(path);
  await expect(page.getByText("waiting for your approval")).toHaveCount(0);
});

test("owner who wrote first is removed, and the owner link makes another", async ({ member, page, assistant: { path, bot } }) => {
  await bot.say(OWNER, "hello");
  await member.open(path);
  await page.getByRole("link", { name: "Check the owner" }).click();
  const owner = region(page, "Owner");
  await expect(owner).toContainText(/Person 1 .*became the owner on .* by writing first\./);
  await (await member.openDialog("This isn’t me")).getByRole("button", { name: "Remove the owner" }).click();
  await expect(page.getByText("Removed. Open the owner link to become the owner.")).toBeVisible();
  await expect(owner).toContainText("Nobody owns this assistant in Telegram yet.");
  await expect(region(page, "Blocked (1)")).toContainText("Person 1");

  // A double click creates one link: a second one would end the first.
  await owner.getByRole("button", { name: "Create owner link" }).dblclick();
  const link = owner.getByRole("link", { name: "Open in Telegram" });
  await expect(link).toBeVisible();
  const code = new URL((await link.getAttribute("href")) ?? "").searchParams.get("start");
  await bot.say(7, `/start ${code}`);
  await member.waitForVisible(owner.getByText(/with the owner link\./));
  await expect(owner).toContainText("Person 7");
  await member.open(`${path}/people`);
  await expect(page.getByText(`${code}`)).toHaveCount(0);
});

test("groups show who added the bot, and are allowed", async ({ member, page, assistant: { path, bot } }) => {
  await bot.say(OWNER, "hello");
  await bot.join(-100_200, OWNER);
  await bot.join(-100_201, 99);
  await member.open(`${path}/people`);
  const groups = region(page, "Groups");
  await member.waitForVisible(groups.getByText("It isn’t known who added it."));
  await expect(groups.getByText("Added by the owner, Person 1.")).toBeVisible();
  await expect(groups.getByRole("button")).toHaveCount(1);
  await groups.getByRole("listitem").filter({ hasText: "isn’t known" }).getByRole("button", { name: /^Allow/ }).click();
  await expect(page.getByText("Allowed. Your assistant answers in this group now.")).toBeVisible();
  await expect(groups).toContainText("You allowed this group.");
});

test.describe("facts", () => {
  test.use({ expectedErrors: ["400 (Bad Request)"] });

  test("are edited, added and deleted, and wrong ones keep what was typed", async ({ member, page, assistant: { path, bot } }) => {
    await bot.say(OWNER, "/remember I like tea");
    await member.open(`${path}/people`);
    const facts = region(page, "Memory");
    await member.openDetails("1 fact");
    await facts.getByLabel("Edit “I like tea”").click();
    const text = facts.getByLabel("What to remember").first();
    await text.fill("x".repeat(501));
    await member.sendRefused(facts.getByRole("button", { name: "Save", exact: true }));
    await expect(text).toHaveAccessibleDescription(/at most 500 characters/);
    await expect(text).toHaveValue("x".repeat(501));
    await text.fill("I like coffee");
    await facts.getByRole("button", { name: "Save", exact: true }).click();
    await expect(page.getByText("Saved. Your assistant knows this from the next answer on.")).toBeVisible();

    await member.openDetails("Add a fact");
    await facts.getByLabel("Conversation").selectOption({ label: "Person 1" });
    await facts.getByLabel("What to remember").last().fill("I am a pilot");
    await facts.getByRole("button", { name: "Add fact" }).click();
    await expect(page.getByText("Added. Your assistant knows this from the next answer on.")).toBeVisible();
    await member.openDetails("2 facts");
    await expect(facts.getByText("I am a pilot").first()).toBeVisible();

    await (await member.openDialog("Delete “I like coffee”")).getByRole("button", { name: "Delete fact" }).click();
    await expect(page.getByText("Deleted. Your assistant no longer gets this.")).toBeVisible();
    await member.openDetails("1 fact");
    await expect(facts.getByText("I like coffee")).toHaveCount(0);
  });
});

test("page with content is accessible and works with the keyboard", async ({ member, page, assistant, javaScriptEnabled }) => {
  test.slow();
  await assistant.bot.say(OWNER, `/remember ${"unbroken".repeat(40)}`);
  await assistant.bot.join(-100_300, OWNER);
  await openWithRequests(member, assistant);
  await member.openDetails("1 fact");
  await checkCurrent(page, "the page People", javaScriptEnabled ?? true);
  const erase = page.getByRole("button", { name: "Erase Person 2" });
  await erase.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(erase).toBeFocused();
  await page.getByRole("button", { name: "Approve Person 3" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Approved. They can talk to your assistant now.")).toBeVisible();
});
