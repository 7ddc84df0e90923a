-- Whose share of the places for its kind a job counts for; null: nobody's in particular.
alter table jobs add column share text;
-- The oldest refusals of an account are forgotten when there are many.
create index idempotency_refusals on idempotency (user_id, created_at, key) where status >= 400;
