import type { Page } from "@playwright/test";
import { checkCurrent } from "../support/accessible.ts";
import { botToken } from "../support/dashboard.ts";
import { expect, test } from "../support/signed-in.ts";

const region = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
const save = (page: Page) => page.getByRole("button", { name: "Save", exact: true });

test("settings are changed, and an earlier revision is restored after a confirmation", async ({ member, page }) => {
  const path = `${await member.createAssistant("Ann", botToken())}/behavior`;
  await member.open(path);
  await page.getByRole("link", { name: "Tutor" }).click();
  await expect(page.getByText("The template Tutor is filled in below. It isn’t saved yet.")).toBeVisible();
  await expect(page.getByLabel("Instructions")).toHaveValue(/^You help one person learn\./);
  await page.getByLabel("Language of the answers").fill("de");
  await page.getByLabel("Everyone", { exact: true }).check();
  await page.getByLabel("Search the web").uncheck();
  await page.getByLabel("Set reminders").uncheck();
  await page.getByLabel("Allowance per day").fill("2.5");
  await save(page).click();
  await expect(page.getByText("Saved. Takes effect with the next answer.")).toBeVisible();

  await member.open(path);
  await expect(page.getByLabel("Instructions")).toHaveValue(/^You help one person learn\./);
  await expect(page.getByLabel("Everyone", { exact: true })).toBeChecked();
  await expect(page.getByLabel("Search the web")).not.toBeChecked();
  await expect(page.getByLabel("Read web pages")).toBeChecked();
  await expect(page.getByLabel("Allowance per day")).toHaveValue("2.50");
  await expect(region(page, "Changes")).toContainText("Search the web: on → off");

  const dialog = await member.openDialog("Restore revision 1");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await (await member.openDialog("Restore revision 1")).getByRole("button", { name: "Restore revision 1" }).click();
  await expect(page.getByText("Restored. Takes effect with the next answer.")).toBeVisible();
  await expect(page.getByLabel("Instructions")).toHaveValue("");
  await expect(page.getByLabel("Search the web")).toBeChecked();
  await expect(page.getByText("Revision 3")).toBeVisible();
});

test("form that changes nothing says so", async ({ member, page }) => {
  await member.open(`${await member.createAssistant("Ann", botToken())}/behavior`);
  await save(page).click();
  await expect(page.getByText("No changes to save.")).toBeVisible();
  await expect(page.getByText("Revision 2")).toHaveCount(0);
});

test.describe("wrong values", () => {
  test.use({ expectedErrors: ["400 (Bad Request)"] });

  test("are shown at their fields, and nothing is lost", async ({ member, page }) => {
    await member.open(`${await member.createAssistant("Ann", botToken())}/behavior`);
    await page.getByLabel("Instructions").fill("Be brief.\nBe kind.");
    await page.getByLabel("Read web pages").uncheck();
    await page.getByLabel("Time zone").fill("Mars/Base");
    await page.getByLabel("Allowance per month").fill("1,50");
    await member.sendRefused(save(page));
    await expect(page.getByLabel("Time zone")).toHaveAttribute("aria-invalid", "true");
    await expect(page.getByLabel("Time zone")).toHaveAccessibleDescription(/Use an IANA time zone/);
    await expect(page.getByLabel("Allowance per month")).toHaveAccessibleDescription(/at most two decimals/);
    await expect(page.getByLabel("Allowance per day")).not.toHaveAttribute("aria-invalid", "true");
    await expect(page.getByLabel("Instructions")).toHaveValue("Be brief.\nBe kind.");
    await expect(page.getByLabel("Read web pages")).not.toBeChecked();
    await expect(page.getByLabel("Allowance per month")).toHaveValue("1,50");

    await page.getByLabel("Time zone").fill("Europe/Berlin");
    await page.getByLabel("Allowance per month").fill("1.50");
    await save(page).click();
    await expect(page.getByText("Saved. Takes effect with the next answer.")).toBeVisible();
    await expect(page.getByLabel("Instructions")).toHaveValue("Be brief.\nBe kind.");
    await expect(page.getByLabel("Read web pages")).not.toBeChecked();
  });

  test("of an MCP server are shown at their fields", async ({ member, page, reef, user, request, javaScriptEnabled }) => {
    const path = await member.createAssistant("Ann", botToken());
    await member.open(`${path}/behavior`);
    const servers = region(page, "MCP servers");
    await member.openDetails("Add a server");
    await servers.getByLabel("Name", { exact: true }).fill("Wiki");
    await servers.getByLabel("URL").fill("http://wiki.example.com/");
    await servers.getByLabel("Header name").fill("Host");
    await servers.getByLabel("Header value").fill("my-mcp-secret");
    await member.sendRefused(servers.getByRole("button", { name: "Add server" }));
    await expect(servers.getByLabel("URL")).toHaveAccessibleDescription(/must start with https/);
    await expect(servers.getByLabel("Header name")).toHaveAccessibleDescription(/set by Reef/);
    await expect(servers.getByLabel("Name", { exact: true })).toHaveValue("Wiki");
    // Without scripts the server renders the page again, without the secret.
    await expect(servers.getByLabel("Header value")).toHaveValue(javaScriptEnabled ? "my-mcp-secret" : "");

    await servers.getByLabel("URL").fill("https://wiki.example.com/");
    await servers.getByLabel("Header name").fill("Authorization");
    await servers.getByLabel("Header value").fill("my-mcp-secret");
    await servers.getByRole("button", { name: "Add server" }).click();
    await expect(page.getByText("Server saved.")).toBeVisible();
    await expect(servers).toContainText("Headers: Authorization");
    expect(await page.content()).not.toContain("my-mcp-secret");

    // A value that is left empty stays.
    await servers.getByLabel("Edit Wiki").click();
    await expect(servers.getByLabel("New value of Authorization")).toHaveValue("");
    await servers.getByLabel("URL").first().fill("https://wiki.example.com/2");
    await servers.getByLabel("Use this server").first().uncheck();
    await servers.getByRole("button", { name: "Save Wiki" }).click();
    await expect(servers.getByText("Off", { exact: true })).toBeVisible();
    const key = await reef.createKey(user.email);
    const settings = await (await request.get(`/api/v1${path}/settings`, { headers: { "X-API-Key": key } })).json();
    const server = { name: "Wiki", url: "https://wiki.example.com/2", headerNames: ["Authorization"], enabled: false };
    expect(settings.data.mcpServers).toEqual([server]);

    await (await member.openDialog("Remove Wiki")).getByRole("button", { name: "Remove server" }).click();
    await expect(page.getByText("Server removed.")).toBeVisible();
    await expect(servers).toContainText("No servers yet.");
    expect(await reef.log()).not.toContain("my-mcp-secret");
  });
});

test("page follows changes made elsewhere, and keeps what is typed", async ({ member, page, reef, user, request, javaScriptEnabled }) => {
  const path = await member.createAssistant("Ann", botToken());
  const headers = { "X-API-Key": await reef.createKey(user.email) };
  const change = async (data: object) => {
    expect((await request.patch(`/api/v1${path}/settings`, { headers, data })).status()).toBe(200);
  };
  await member.open(`${path}/behavior`);
  await change({ greeting: "Hello there" });
  await member.waitForVisible(page.getByText("Revision 2"));
  await expect(page.getByLabel("Greeting")).toHaveValue("Hello there");
  await page.getByLabel("Instructions").fill("Be brief.");
  await change({ language: "de" });
  if (javaScriptEnabled) await expect(page.getByText("Revision 3")).toBeVisible();
  await expect(page.getByLabel("Instructions")).toHaveValue("Be brief.");
  // The language was not changed in this form, so it stays as it was changed elsewhere.
  await save(page).click();
  await expect(page.getByText("Saved. Takes effect with the next answer.")).toBeVisible();
  await expect(page.getByLabel("Language of the answers")).toHaveValue("de");
});

test("page with content is accessible and works with the keyboard", async ({ member, page, reef, user, request, javaScriptEnabled }) => {
  test.slow();
  const path = await member.createAssistant("Ann", botToken());
  const headers = { "X-API-Key": await reef.createKey(user.email) };
  const server = { name: "N".repeat(64), url: `https://wiki.example.com/${"path".repeat(40)}`, headers: { Authorization: "x" } };
  const data = { instructions: "Be brief.", mcpServers: [server] };
  expect((await request.patch(`/api/v1${path}/settings`, { headers, data })).status()).toBe(200);
  await member.open(`${path}/behavior`);
  const edit = page.getByLabel(/^Edit NNN/);
  await edit.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("New value of Authorization")).toBeVisible();
  await checkCurrent(page, `${path}/behavior`, javaScriptEnabled ?? true);
  await page.getByRole("button", { name: "Restore revision 1" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("button", { name: "Restore revision 1" })).toBeFocused();
});
