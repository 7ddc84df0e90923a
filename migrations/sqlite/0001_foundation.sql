-- Times are whole milliseconds since 1970, ids 16 bytes, booleans 0 or 1.

create table users (
    id                       blob primary key,
    email                    text not null unique,
    password_hash            text not null,
    callback_secret          blob not null,  -- sealed
    callback_secret_previous blob,           -- sealed; still signs for 24 h after a rotation
    callback_secret_rotated  integer,
    created_at               integer not null
) strict;

create table sessions (
    id         text primary key,
    user_id    blob references users (id) on delete cascade,
    data       text not null,
    address    text,
    agent      text,
    created_at integer not null,
    expires_at integer not null
) strict;
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);

create table api_keys (
    id           blob primary key,
    user_id      blob not null references users (id) on delete cascade,
    name         text not null,
    hash         blob not null unique,       -- SHA-256 of the whole key
    prefix       text not null,              -- what the dashboard shows of it
    can_read     integer not null,
    can_write    integer not null,
    created_at   integer not null,
    expires_at   integer,
    last_used_at integer,
    revoked_at   integer
) strict;
create index api_keys_user on api_keys (user_id);

create table assistants (
    id                 blob primary key,
    user_id            blob not null references users (id),
    mode               text not null,
    status             text not null,
    worker_name        text unique,
    generation         integer,
    deadline           integer,
    worker_url         text,
    failure            text,
    payment_status     text not null,
    subscription_id    text,
    current_period_end integer,
    canceled_at        integer,
    name               text,
    provider           text,
    model_id           text,
    callback_url       text,
    checkout_id        text,
    checkout_url       text,
    bot_token          blob,                 -- sealed
    bot_fingerprint    blob,                 -- SHA-256: the same token has the same one
    model_key          blob,                 -- sealed
    managed_key_hash   text,                 -- OpenRouter's name for the key it made
    sequence           integer not null,
    version            integer not null,
    created_at         integer not null,
    updated_at         integer not null
) strict;
create index assistants_user on assistants (user_id, created_at desc, id desc);
create index assistants_subscription on assistants (subscription_id);
create index assistants_bot on assistants (bot_fingerprint);
create index assistants_status on assistants (status, deadline);

-- Ids of slots that are gone while a payment for them may still arrive.
create table tombstones (
    assistant_id blob primary key,
    user_id      blob not null,
    deleted_at   integer not null
) strict;

create table events (
    id              blob primary key,
    assistant_id    blob not null,
    user_id         blob not null,
    sequence        integer not null,
    kind            text not null,
    status          text not null,
    previous_status text,
    status_message  text,
    worker_url      text,
    created_at      integer not null,
    unique (assistant_id, sequence)
) strict;

create table deliveries (
    id           blob primary key,
    assistant_id blob not null,
    user_id      blob not null,
    sequence     integer not null,
    url          text not null,
    payload      text not null,
    state        text not null,              -- pending, delivered, failed
    attempts     integer not null,
    last_status  integer,
    last_error   text,
    created_at   integer not null,
    finished_at  integer
) strict;
create index deliveries_assistant on deliveries (assistant_id, created_at desc);

create table jobs (
    id          blob primary key,
    kind        text not null,
    dedup_key   text unique,
    payload     text not null,               -- ids only
    run_at      integer not null,
    attempts    integer not null,
    wakes       integer not null,            -- grows when it is asked for again while it runs
    lease_token blob,
    lease_until integer,
    dead_at     integer,
    last_error  text,
    created_at  integer not null
) strict;
create index jobs_due on jobs (kind, run_at) where dead_at is null;

create table polar_inbox (
    position     integer primary key autoincrement,
    webhook_id   text not null unique,
    body         text not null,
    received_at  integer not null,
    processed_at integer,
    outcome      text
) strict;
create index polar_inbox_open on polar_inbox (position) where processed_at is null;

-- The embedded worker host's workers: what should run, with the run that started it.
create table workers (
    worker_name  text primary key,
    assistant_id blob not null unique,
    generation   integer not null,
    settings     blob not null,              -- sealed
    polling      integer not null,
    poll_offset  integer not null,
    poll_lease   integer,
    poll_token   blob,
    started_at   integer not null
) strict;

-- What bots have received. A row is worked off once; the answer is kept until all of it is sent.
create table bot_updates (
    id           blob primary key,
    assistant_id blob not null,
    bot_id       integer not null,           -- update_id means something within one bot only
    update_id    integer not null,
    chat_id      integer not null,
    body         text not null,
    answer       text,
    sent_parts   integer not null,
    attempts     integer not null,
    lease_token  blob,                       -- who works on it
    lease_until  integer,                    -- until when; without a holder: not to be tried before
    received_at  integer not null,
    done_at      integer,
    unique (assistant_id, bot_id, update_id)
) strict;
create index bot_updates_open on bot_updates (assistant_id, chat_id, update_id) where done_at is null;

create table chat_turns (
    assistant_id blob not null,
    chat_id      integer not null,
    position     integer not null,
    role         text not null,
    content      text not null,
    created_at   integer not null,
    primary key (assistant_id, chat_id, position)
) strict;
