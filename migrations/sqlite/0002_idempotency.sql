-- Answers to requests with an Idempotency-Key, kept for a day.
create table idempotency (
    user_id     blob not null,
    key         text not null,
    fingerprint blob not null,               -- of method, path and body
    status      integer,                     -- null while the first request runs
    body        text,
    lease_until integer not null,
    created_at  integer not null,
    primary key (user_id, key)
) strict;
create index idempotency_age on idempotency (created_at);
