-- Model credit of managed assistants, in millionths of a US dollar.

-- What each paid period has brought. A period is known by its order, its end, or both.
create table managed_credits (
    id           blob primary key,
    assistant_id blob not null,
    order_id     text,
    period_end   integer,
    amount       integer not null,
    credited_at  integer not null,
    unique (assistant_id, order_id),
    unique (assistant_id, period_end)
) strict;

-- Every key an assistant has had at OpenRouter, and what was spent through it.
create table managed_keys (
    hash         text primary key,
    assistant_id blob not null,
    used         integer not null,
    read_at      integer not null
) strict;
create index managed_keys_assistant on managed_keys (assistant_id);

alter table assistants add column credit_refused_at integer;  -- a worker was refused for lack of credit
alter table assistants add column credit_used_up integer;     -- the credit whose end the owner was told of

-- What is done every so often, by one process at a time.
create table timers (
    name    text primary key,
    next_at integer not null
) strict;

-- The model lists that were read from providers; what ships with Reef is added to them.
create table catalogs (
    source     text primary key,
    models     text not null,                -- JSON
    fetched_at integer not null
) strict;
