// The columns of the list, which are the same on both databases.
export const COLUMNS = `id, user_id, name, provider, model_id, plan, worker_name, worker_url, status, failure_code,
  payment_status, subscription_id, current_period_end, canceled_at, webhook_url, created_at, updated_at`;
