-- Model credit of managed assistants, in millionths of a US dollar.

-- What each paid period has brought. A period is known by its order, its end, or both.
create table managed_credits (
    id           uuid primary key,
    assistant_id uuid not null,
    order_id     text,
    period_end   timestamptz,
    amount       bigint not null,
    credited_at  timestamptz not null,
    unique (assistant_id, order_id),
    unique (assistant_id, period_end)
);

-- Every key an assistant has had at OpenRouter, and what was spent through it.
create table managed_keys (
    hash         text primary key,
    assistant_id uuid not null,
    used         bigint not null,
    read_at      timestamptz not null
);
create index managed_keys_assistant on managed_keys (assistant_id);

alter table assistants add column credit_refused_at timestamptz;  -- a worker was refused for lack of credit
alter table assistants add column credit_used_up bigint;     -- the credit whose end the owner was told of

-- What is done every so often, by one process at a time.
create table timers (
    name    text primary key,
    next_at timestamptz not null
);

-- The model lists that were read from providers; what ships with Reef is added to them.
create table catalogs (
    source     text primary key,
    models     jsonb not null,
    fetched_at timestamptz not null
);
