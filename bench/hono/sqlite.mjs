// The queries on SQLite, which stores ids as 16 bytes and times as milliseconds since 1970.
import Database from "better-sqlite3";
import { COLUMNS } from "./queries.mjs";

export function open(url) {
  const database = new Database(url.replace("sqlite://", ""), { readonly: true });
  const status = database.prepare(
    "select status, failure_code, worker_url from assistants where id = ? and user_id = ?",
  );
  const list = database.prepare(
    `select ${COLUMNS} from assistants where user_id = ? order by created_at desc, id desc limit ?`,
  );
  return {
    findStatus: (id, userId) => {
      const row = status.get(toBytes(id), toBytes(userId));
      return row && { id, ...row };
    },
    listRecords: (userId, limit) =>
      list.all(toBytes(userId), limit).map((row) => ({
        ...row,
        id: toId(row.id),
        user_id: userId,
        current_period_end: toDate(row.current_period_end),
        canceled_at: toDate(row.canceled_at),
        created_at: toDate(row.created_at),
        updated_at: toDate(row.updated_at),
      })),
  };
}

const toBytes = (id) => Buffer.from(id.replaceAll("-", ""), "hex");
const toDate = (ms) => (ms === null ? null : new Date(ms));

function toId(bytes) {
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
