// The queries on PostgreSQL, with a pool and named statements, which pg prepares once for each connection.
import pg from "pg";
import { COLUMNS } from "./queries.mjs";

export function open(connectionString) {
  const pool = new pg.Pool({ connectionString });
  const select = async (name, text, values) => (await pool.query({ name, text, values })).rows;
  const status = "select id, status, failure_code, worker_url from assistants where id = $1 and user_id = $2";
  const list = `select ${COLUMNS} from assistants where user_id = $1 order by created_at desc, id desc limit $2`;
  return {
    findStatus: async (id, userId) => (await select("status", status, [id, userId]))[0],
    listRecords: (userId, limit) => select("list", list, [userId, limit]),
  };
}
