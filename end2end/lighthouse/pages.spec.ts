import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "@playwright/test";
import lighthouse from "lighthouse";
import { chromiumArguments, chromiumPath } from "../support/chromium.ts";
import { botToken, Dashboard } from "../support/dashboard.ts";
import { freePort } from "../support/reef.ts";
import { expect, test as base } from "../support/test.ts";

const SCORE_MIN = 95;
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];

/** A browser that Lighthouse can control, with its cookies. */
type Visitor = { context: BrowserContext; port: number };

const test = base.extend<object, { stranger: Visitor; member: Visitor & { assistant: string } }>({
  stranger: [async ({ reef }, use) => visit(reef.url, use), { scope: "worker", timeout: 60_000 }],
  member: [
    async ({ reef }, use) => {
      await reef.createUser("ada@example.com", "four plain words here");
      await visit(reef.url, async (visitor) => {
        const dashboard = new Dashboard(await visitor.context.newPage(), true);
        await dashboard.signIn({ email: "ada@example.com", password: "four plain words here" });
        const assistant = await dashboard.createAssistant("Coral", botToken());
        await dashboard.page.close();
        await use({ ...visitor, assistant });
      });
    },
    { scope: "worker", timeout: 60_000 },
  ],
});

test("landing page reaches the scores", async ({ reef, stranger }) => expectScores(`${reef.url}/`, stranger));
test("sign-in page reaches the scores", async ({ reef, stranger }) => expectScores(`${reef.url}/signin`, stranger));
test("API reference reaches the scores", async ({ reef, stranger }) => expectScores(`${reef.url}/docs`, stranger));
test("list of assistants reaches the scores", async ({ reef, member }) => expectScores(`${reef.url}/assistants`, member));
test("page of an assistant reaches the scores", async ({ reef, member }) => expectScores(`${reef.url}${member.assistant}`, member));

/** Runs Lighthouse's mobile preset. Every category must reach the minimum score; the message names the audits that fail. */
async function expectScores(url: string, { port }: Visitor): Promise<void> {
  const result = await lighthouse(url, { port, output: "json", onlyCategories: CATEGORIES, disableStorageReset: true });
  if (!result) throw new Error("Lighthouse has no result");
  const { categories, audits, finalDisplayedUrl } = result.lhr;
  expect(finalDisplayedUrl).toBe(url);
  const scores = Object.values(categories).map(({ title, score }) => `${title} ${Math.round((score ?? 0) * 100)}`);
  console.log(`${new URL(url).pathname}: ${scores.join(", ")}`);
  const short = Object.values(categories).filter(({ score }) => (score ?? 0) * 100 < SCORE_MIN);
  const why = short.flatMap(({ title, auditRefs }) =>
    auditRefs
      .filter(({ id, weight }) => weight > 0 && (audits[id]?.score ?? 1) < 0.9)
      .map(({ id }) => `${title}: ${audits[id]?.title} ${audits[id]?.displayValue ?? ""}`),
  );
  expect(why, scores.join(", ")).toEqual([]);
  expect(short.length, scores.join(", ")).toBe(0);
}

/** Opens a browser with a new profile and a debugging port. */
async function visit(baseURL: string, use: (visitor: Visitor) => Promise<void>): Promise<void> {
  const profile = await mkdtemp(join(tmpdir(), "reef-lighthouse-"));
  const port = await freePort();
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    args: [...chromiumArguments, `--remote-debugging-port=${port}`],
    baseURL,
  });
  await use({ context, port });
  await context.close();
  await rm(profile, { recursive: true, force: true });
}
