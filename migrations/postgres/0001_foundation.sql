create table users (
    id                       uuid primary key,
    email                    text not null unique,
    password_hash            text not null,
    callback_secret          bytea not null,  -- sealed
    callback_secret_previous bytea,           -- sealed; still signs for 24 h after a rotation
    callback_secret_rotated  timestamptz,
    created_at               timestamptz not null
);

create table sessions (
    id         text primary key,
    user_id    uuid references users (id) on delete cascade,
    data       text not null,
    address    text,
    agent      text,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);

create table api_keys (
    id           uuid primary key,
    user_id      uuid not null references users (id) on delete cascade,
    name         text not null,
    hash         bytea not null unique,       -- SHA-256 of the whole key
    prefix       text not null,              -- what the dashboard shows of it
    can_read     boolean not null,
    can_write    boolean not null,
    created_at   timestamptz not null,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
create index api_keys_user on api_keys (user_id);

create table assistants (
    id                 uuid primary key,
    user_id            uuid not null references users (id),
    mode               text not null,
    status             text not null,
    worker_name        text unique,
    generation         bigint,
    deadline           timestamptz,
    worker_url         text,
    failure            text,
    payment_status     text not null,
    subscription_id    text,
    current_period_end timestamptz,
    canceled_at        timestamptz,
    name               text,
    provider           text,
    model_id           text,
    callback_url       text,
    checkout_id        text,
    checkout_url       text,
    bot_token          bytea,                 -- sealed
    bot_fingerprint    bytea,                 -- SHA-256: the same token has the same one
    model_key          bytea,                 -- sealed
    managed_key_hash   text,                 -- OpenRouter's name for the key it made
    sequence           bigint not null,
    version            bigint not null,
    created_at         timestamptz not null,
    updated_at         timestamptz not null
);
create index assistants_user on assistants (user_id, created_at desc, id desc);
create index assistants_subscription on assistants (subscription_id);
create index assistants_bot on assistants (bot_fingerprint);
create index assistants_status on assistants (status, deadline);

-- Ids of slots that are gone while a payment for them may still arrive.
create table tombstones (
    assistant_id uuid primary key,
    user_id      uuid not null,
    deleted_at   timestamptz not null
);

create table events (
    id              uuid primary key,
    assistant_id    uuid not null,
    user_id         uuid not null,
    sequence        bigint not null,
    kind            text not null,
    status          text not null,
    previous_status text,
    status_message  text,
    worker_url      text,
    created_at      timestamptz not null,
    unique (assistant_id, sequence)
);

create table deliveries (
    id           uuid primary key,
    assistant_id uuid not null,
    user_id      uuid not null,
    sequence     bigint not null,
    url          text not null,
    payload      text not null,
    state        text not null,              -- pending, delivered, failed
    attempts     bigint not null,
    last_status  bigint,
    last_error   text,
    created_at   timestamptz not null,
    finished_at  timestamptz
);
create index deliveries_assistant on deliveries (assistant_id, created_at desc);

create table jobs (
    id          uuid primary key,
    kind        text not null,
    dedup_key   text unique,
    payload     jsonb not null,               -- ids only
    run_at      timestamptz not null,
    attempts    bigint not null,
    wakes       bigint not null,            -- grows when it is asked for again while it runs
    lease_token uuid,
    lease_until timestamptz,
    dead_at     timestamptz,
    last_error  text,
    created_at  timestamptz not null
);
create index jobs_due on jobs (kind, run_at) where dead_at is null;

create table polar_inbox (
    position     bigint generated always as identity primary key,
    webhook_id   text not null unique,
    body         text not null,
    received_at  timestamptz not null,
    processed_at timestamptz,
    outcome      text
);
create index polar_inbox_open on polar_inbox (position) where processed_at is null;

-- The embedded worker host's workers: what should run, with the run that started it.
create table workers (
    worker_name  text primary key,
    assistant_id uuid not null unique,
    generation   bigint not null,
    settings     bytea not null,              -- sealed
    polling      boolean not null,
    poll_offset  bigint not null,
    poll_lease   timestamptz,
    poll_token   uuid,
    started_at   timestamptz not null
);

-- What bots have received. A row is worked off once; the answer is kept until all of it is sent.
create table bot_updates (
    id           uuid primary key,
    assistant_id uuid not null,
    bot_id       bigint not null,           -- update_id means something within one bot only
    update_id    bigint not null,
    chat_id      bigint not null,
    body         text not null,
    answer       text,
    sent_parts   bigint not null,
    attempts     bigint not null,
    lease_token  uuid,                      -- who works on it
    lease_until  timestamptz,               -- until when; without a holder: not to be tried before
    received_at  timestamptz not null,
    done_at      timestamptz,
    unique (assistant_id, bot_id, update_id)
);
create index bot_updates_open on bot_updates (assistant_id, chat_id, update_id) where done_at is null;

create table chat_turns (
    assistant_id uuid not null,
    chat_id      bigint not null,
    position     bigint not null,
    role         text not null,
    content      text not null,
    created_at   timestamptz not null,
    primary key (assistant_id, chat_id, position)
);
