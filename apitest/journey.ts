/** A complete customer journey with the unchanged client that openapi-typescript generates. Prints a line per step. */
import createClient from "openapi-fetch";
import { Webhook } from "standardwebhooks";
import type { components, paths } from "./generated/schema.js";

type Failure = components["schemas"]["ErrorResponse"];
type Status = components["schemas"]["Status"];

const { url, key, secret, receiver, callbackUrl } = JSON.parse(process.env.APITEST_JOURNEY ?? "{}") as Record<string, string>;
// The timeline is also available as a stream. This client requests JSON.
const client = createClient<paths, "application/json">({ baseUrl: url, headers: { "X-API-Key": key } });
const pathOf = (deploymentId: string) => ({ path: { deploymentId } });

function check(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

function step(name: string): void {
  console.log(`  ok  typescript client: ${name}`);
}

function expectError(answer: { response: Response; error?: Failure }, status: number, code: Failure["error"]["code"]) {
  const seen = JSON.stringify(answer.error);
  check(answer.response.status === status && answer.error?.error.code === code, `${answer.response.status} ${seen}`);
  return answer.error.error;
}

async function waitFor<T>(what: string, check: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    const found = await check();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`timed out: ${what}`);
}

async function waitForStatus(deploymentId: string, status: Status): Promise<void> {
  await waitFor(status, async () => {
    const params = { ...pathOf(deploymentId), query: { wait: 2 } };
    const { data } = await client.GET("/api/v1/assistants/{deploymentId}/status", { params });
    return data?.data.status === status ? true : undefined;
  });
}

const me = await client.GET("/api/v1/me");
check(me.data?.data.scopes.includes("write"), "scopes");
const models = await client.GET("/api/v1/models", { params: { query: { mode: "byok", provider: "anthropic" } } });
const model = models.data?.data[0];
check(model?.provider === "anthropic", "a model");
expectError(await client.GET("/api/v1/me", { headers: { "X-API-Key": "nonsense" } }), 401, "UNAUTHORIZED");
step("the key's permissions and the models");

const bought = await client.POST("/api/v1/assistants/purchase", { body: { apiMode: "byok" } });
check(bought.data, "a purchase");
const { deploymentId, checkoutUrl } = bought.data.data;
const telegramBotToken = `${Math.floor(Math.random() * 9e8) + 1e8}:ok${crypto.randomUUID().replaceAll("-", "")}`;
const body = {
  name: "My Assistant", modelProvider: "anthropic", modelId: model.id, telegramBotToken, modelApiKey: "sk-ant-0123456789",
  callbackUrl,
};
const activate = () => client.POST("/api/v1/assistants/{deploymentId}/activate", { params: pathOf(deploymentId), body });
const early = expectError(await activate(), 409, "INVALID_STATE");
check(early.details?.currentStatus === "pending_payment", "currentStatus");
step("purchase; not yet paid");

check((await fetch(`${checkoutUrl}/pay`, { method: "POST", redirect: "manual" })).status === 303, "303");
await waitForStatus(deploymentId, "purchased");
step("paid in the sandbox");

const malformed = { ...body, name: "" };
const wrong = await client.POST("/api/v1/assistants/{deploymentId}/activate", { params: pathOf(deploymentId), body: malformed });
check(expectError(wrong, 400, "INVALID_REQUEST").details?.issues?.[0]?.path === "name", "issues");
const activated = await activate();
check(activated.data?.data.status === "deploying" && !activated.data.data.isPrebuy, "deploying");
await waitForStatus(deploymentId, "active");
step("activated, waited until active");

const second = await client.POST("/api/v1/assistants/purchase", { body: { apiMode: "managed" } });
const first = await client.GET("/api/v1/assistants", { params: { query: { limit: 1 } } });
check(first.data?.data[0]?.id === second.data?.data.deploymentId, "the newest first");
const cursor = /cursor=([^>&]+)/.exec(first.response.headers.get("link") ?? "")?.[1];
const next = await client.GET("/api/v1/assistants", { params: { query: { limit: 1, cursor } } });
check(next.data?.data[0]?.id === deploymentId && !next.response.headers.has("link"), "the second page");
expectError(await client.GET("/api/v1/assistants", { params: { query: { cursor: "x" } } }), 400, "INVALID_REQUEST");
step("listed page by page");

const events = await client.GET("/api/v1/assistants/{deploymentId}/events", { params: pathOf(deploymentId) });
check(events.data?.data[0]?.status === "active" && events.data.data[0].previousStatus === "deploying", "events");
const tested = await client.POST("/api/v1/assistants/{deploymentId}/callbacks/test", { params: pathOf(deploymentId) });
check(tested.data?.data.type === "assistant.test", "a test");
const log = await client.GET("/api/v1/assistants/{deploymentId}/callbacks", { params: pathOf(deploymentId) });
const oldest = log.data?.data.at(-1);
check(oldest, "a delivery");
const again = { params: { path: { deploymentId, deliveryId: oldest.id } } };
const redelivered = await client.POST("/api/v1/assistants/{deploymentId}/callbacks/{deliveryId}/redeliver", again);
check(redelivered.data?.data.id === oldest.id, "the same callback");
step("events and callbacks");

const patch = () =>
  client.PATCH("/api/v1/assistants/{deploymentId}", { params: pathOf(deploymentId), body: { name: "Renamed" } });
expectError(await patch(), 409, "INVALID_STATE");
const stopped = await client.POST("/api/v1/assistants/{deploymentId}/stop", { params: pathOf(deploymentId) });
check(stopped.data?.data.status === "stopped" && stopped.data.data.workerUrl === null, "stopped");
check((await patch()).data?.data.name === "Renamed", "renamed");
step("stop, PATCH");

const redeployed = await client.POST("/api/v1/assistants/{deploymentId}/redeploy", { params: pathOf(deploymentId) });
check(redeployed.data?.data.status === "deploying", "deploying again");
await waitForStatus(deploymentId, "active");
step("redeployed");

const deleted = await client.DELETE("/api/v1/assistants/{deploymentId}", { params: pathOf(deploymentId) });
check(deleted.data?.data.success === true, "deleted");
expectError(await client.GET("/api/v1/assistants/{deploymentId}", { params: pathOf(deploymentId) }), 404, "NOT_FOUND");
step("deleted; 404");

type Received = { headers: Record<string, string>; body: string };
const kinds = await waitFor("the last callback", async () => {
  const got = ((await (await fetch(receiver ?? "")).json()) as Received[]).filter((each) => each.body.includes(deploymentId));
  const all = got.map((each) => (new Webhook(secret ?? "").verify(each.body, each.headers) as { type: string }).type);
  return all.includes("assistant.deleted") ? new Set(all) : undefined;
});
check(kinds.has("assistant.test") && kinds.has("assistant.status_changed"), [...kinds].join());
step("every callback verified by the standardwebhooks library");
