-- A key keeps what its request has done, and not how the API renders it. Keys are kept for a day, so the old ones are dropped.
drop table idempotency_keys;

create table idempotency_keys (
    user_id     uuid not null,
    key         text not null,
    fingerprint bytea not null,  -- of method, path and body
    outcome     text,  -- JSON; null while the first request runs
    is_rejected boolean not null default false,
    lease_until timestamptz not null,
    created_at  timestamptz not null,
    primary key (user_id, key)
);
create index idempotency_keys_created_at on idempotency_keys (created_at);
create index idempotency_keys_rejected on idempotency_keys (user_id, created_at, key) where is_rejected;
