-- What a deployment run does, step by step, for its owner to see.
create table deployment_steps (
    assistant_id uuid not null references assistants (id) on delete cascade,
    generation   bigint not null,
    position     bigint not null,           -- 1 token, 2 model, 3 worker, 4 webhook, 5 ready
    began_at     timestamptz not null,
    ended_at     timestamptz,
    failed       boolean not null,
    primary key (assistant_id, generation, position)
);

-- Each try of a callback. The number goes on growing when it is sent again.
create table delivery_attempts (
    delivery_id uuid not null references deliveries (id) on delete cascade,
    number      bigint not null,
    tried_at    timestamptz not null,
    took_ms     bigint not null,
    status      bigint,
    error       text,
    primary key (delivery_id, number)
);

-- What was done when an assistant was deleted. Holds no secret.
create table receipts (
    assistant_id       uuid primary key,
    user_id            uuid not null references users (id) on delete cascade,
    name               text not null,
    mode               text not null,
    status             text not null,        -- the last one
    worker_name        text,
    had_bot_token      boolean not null,
    had_model_key      boolean not null,
    managed_key_hash   text,                 -- OpenRouter's name for the key it made
    payment_status     text not null,
    subscription_id    text,
    current_period_end timestamptz,
    deleted_at         timestamptz not null
);
create index receipts_user on receipts (user_id, deleted_at desc);
create index receipts_age on receipts (deleted_at);
create index revocations_assistant on revocations (assistant_id);

-- How a secret is known again without its value: the beginning of a keyed hash, and since when it is kept.
alter table assistants add column bot_token_mark text;
alter table assistants add column bot_token_set_at timestamptz;
alter table assistants add column model_key_mark text;
alter table assistants add column model_key_set_at timestamptz;

-- How far a change of a running assistant has come that is not deployed yet: stopped, saved.
alter table assistants add column pending_change text;
