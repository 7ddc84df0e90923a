-- Answers to requests with an Idempotency-Key, kept for a day.
create table idempotency (
    user_id     uuid not null,
    key         text not null,
    fingerprint bytea not null,              -- of method, path and body
    status      bigint,                      -- null while the first request runs
    body        text,
    lease_until timestamptz not null,
    created_at  timestamptz not null,
    primary key (user_id, key)
);
create index idempotency_age on idempotency (created_at);
