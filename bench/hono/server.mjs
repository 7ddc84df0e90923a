// Two endpoints of Reef with Hono on Node.js: one select for each request, no authentication, no log. The caller is named by the
// header X-User-Id, as behind a gateway that has authenticated the request. `node server.mjs PORT DATABASE_URL` serves the tables
// of Reef with one process, which is what Node.js starts.
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const [port, url] = process.argv.slice(2);
const database = await import(url.startsWith("sqlite:") ? "./sqlite.mjs" : "./postgres.mjs");
const { findStatus, listRecords } = database.open(url);

const app = new Hono();

app.get("/api/v1/assistants/:id/status", async (c) => {
  const row = await findStatus(c.req.param("id"), c.req.header("x-user-id"));
  if (!row) return c.json({ error: { code: "NOT_FOUND" } }, 404);
  return c.json({ data: { id: row.id, status: row.status, statusMessage: row.failure_code, workerUrl: row.worker_url } });
});

app.get("/api/v1/assistants", async (c) => {
  const rows = await listRecords(c.req.header("x-user-id"), Number(c.req.query("limit") ?? 100));
  return c.json({ data: rows.map(toRecord) });
});

function toRecord(row) {
  return {
    id: row.id,
    userId: row.user_id,
    organizationId: null,
    name: row.name ?? "Untitled assistant",
    modelProvider: row.provider,
    modelId: row.model_id,
    channelType: "telegram",
    apiMode: row.plan,
    workerName: row.worker_name,
    workerUrl: row.worker_url,
    status: row.status,
    statusMessage: row.failure_code,
    paymentStatus: row.payment_status,
    polarSubscriptionId: row.subscription_id,
    // JSON.stringify writes a Date as Reef does: with three digits of milliseconds, in UTC.
    currentPeriodEnd: row.current_period_end,
    canceledAt: row.canceled_at,
    isPrebuy: row.status === "purchased",
    userCallbackUrl: row.webhook_url,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(port) });
