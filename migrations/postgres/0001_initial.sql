-- A person who signs in.
create table users (
    id                        uuid primary key,
    email                     text not null unique,  -- lower case
    email_confirmed_at        timestamptz,     -- when the owner opened a link that was sent to it
    password_hash             text not null,   -- argon2id, in PHC form
    signing_secret            bytea not null,  -- sealed
    previous_signing_secret   bytea,           -- sealed; also signs for 24 hours after a rotation
    signing_secret_rotated_at timestamptz,
    created_at                timestamptz not null
);

-- Browser sessions, by a hash of what the cookie carries.
create table sessions (
    id               text primary key,
    user_id          uuid references users (id) on delete cascade,  -- null until someone signs in
    data             text not null,
    ip_address       text,
    user_agent       text,
    created_at       timestamptz not null,
    expires_at       timestamptz not null,
    last_used_at     timestamptz,  -- with a precision of a few minutes
    flash            bytea,        -- sealed; what a form hands to the next page
    flash_expires_at timestamptz
);
create index sessions_user on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);

-- The secret from which an account's authenticator app generates codes.
create table totp (
    user_id        uuid primary key references users (id) on delete cascade,
    secret         bytea not null,  -- sealed
    created_at     timestamptz not null,
    confirmed_at   timestamptz,     -- null until a code has proved that the app has the secret
    last_used_step bigint not null  -- no code of this step or an earlier one is accepted
);

-- A row is deleted when its code is used.
create table recovery_codes (
    user_id uuid not null references users (id) on delete cascade,
    hash    bytea not null,  -- SHA-256; the code has 80 random bits
    primary key (user_id, hash)
);

create table api_keys (
    id           uuid primary key,
    user_id      uuid not null references users (id) on delete cascade,
    name         text not null,
    hash         bytea not null unique,  -- SHA-256 of the whole key
    prefix       text not null,          -- the part of the key that pages show
    can_read     boolean not null,
    can_write    boolean not null,
    grant_id     uuid,                   -- null: the key reaches all assistants of its owner
    replaced_by  uuid,                   -- the key that a rotation created
    created_at   timestamptz not null,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
create index api_keys_user on api_keys (user_id);

-- The assistants that a limited key reaches. Rows remain after an assistant is deleted: a key whose assistants are all
-- gone reaches none. A key and the one that replaces it share a grant.
create table api_key_grants (
    grant_id     uuid not null,
    assistant_id uuid not null,
    user_id      uuid not null references users (id) on delete cascade,
    primary key (grant_id, assistant_id)
);
create index api_key_grants_user on api_key_grants (user_id);

-- The newest requests of each key, written after the responses were sent.
create table api_key_requests (
    key_id      uuid not null references api_keys (id) on delete cascade,
    id          uuid not null,  -- increases with time
    method      text not null,
    path        text not null,
    status      bigint not null,
    duration_ms bigint not null,
    request_id  text not null,
    answered_at timestamptz not null,
    primary key (key_id, id)
);

create table assistants (
    id                      uuid primary key,
    user_id                 uuid not null references users (id),
    plan                    text not null,
    status                  text not null,
    worker_name             text unique,
    generation              bigint,
    deadline                timestamptz,
    worker_url              text,
    failure_code            text,
    undo_reason             text,         -- the failure code for which the last change was undone
    payment_status          text not null,
    subscription_id         text,
    current_period_end      timestamptz,
    canceled_at             timestamptz,
    checkout_id             text,
    checkout_url            text,
    name                    text,
    provider                text,
    model_id                text,
    webhook_url             text,
    bot_token               bytea,        -- sealed
    bot_token_hash          bytea,        -- equal for equal tokens, in every installation
    bot_token_fingerprint   text,         -- the beginning of a keyed hash, for the owner to compare
    bot_token_set_at        timestamptz,
    model_key               bytea,        -- sealed
    model_key_fingerprint   text,
    model_key_set_at        timestamptz,
    managed_key_hash        text,         -- OpenRouter's name for the key that it created
    bot_id                  bigint,       -- the bot that the last deployment found
    bot_username            text,
    credit_refused_at       timestamptz,  -- when a model request was refused for lack of credit
    exhausted_credit_micros bigint,       -- the credit whose exhaustion the owner was notified of
    sequence                bigint not null,
    version                 bigint not null,
    created_at              timestamptz not null,
    updated_at              timestamptz not null
);
create index assistants_user on assistants (user_id, created_at desc, id desc);
create index assistants_subscription on assistants (subscription_id);
create index assistants_bot_token on assistants (bot_token_hash);
create index assistants_status on assistants (status, deadline);

-- What a change of a running assistant replaced, until the run with the new values is active. If that run fails,
-- this is deployed again, and the row then holds the rejected bot token until the webhook of that bot is deleted.
create table replaced_configurations (
    assistant_id          uuid primary key references assistants (id) on delete cascade,
    is_fallback           boolean not null,  -- whether it is deployed again if the run fails
    replaced_at           timestamptz not null,
    provider              text,
    model_id              text,
    bot_token             bytea,             -- sealed; secrets that were not replaced are null
    bot_token_hash        bytea,
    bot_token_fingerprint text,
    bot_token_set_at      timestamptz,
    model_key             bytea,             -- sealed
    model_key_fingerprint text,
    model_key_set_at      timestamptz
);
create index replaced_configurations_bot_token on replaced_configurations (bot_token_hash);

create table deployment_steps (
    assistant_id uuid not null references assistants (id) on delete cascade,
    generation   bigint not null,
    position     bigint not null,  -- 1 token, 2 model, 3 worker, 4 webhook, 5 ready
    started_at   timestamptz not null,
    ended_at     timestamptz,
    failed       boolean not null,
    primary key (assistant_id, generation, position)
);

-- Ids of deleted assistants: a payment for them may still arrive.
create table tombstones (
    assistant_id    uuid primary key,
    user_id         uuid not null,
    deleted_at      timestamptz not null,
    ordered_at      timestamptz,  -- null if it was paid; the others count toward the limit on unpaid orders
    checkout_failed boolean not null default false  -- deleted because Polar created no checkout
);
create index tombstones_orders on tombstones (user_id, ordered_at) where ordered_at is not null;

-- What owners can still read about a deleted assistant. It contains no secrets.
create table receipts (
    assistant_id       uuid primary key,
    user_id            uuid not null references users (id) on delete cascade,
    name               text not null,
    plan               text not null,
    status             text not null,  -- the last one
    worker_name        text,
    had_bot_token      boolean not null,
    had_model_key      boolean not null,
    managed_key_hash   text,
    payment_status     text not null,
    subscription_id    text,
    current_period_end timestamptz,
    deleted_at         timestamptz not null
);
create index receipts_user on receipts (user_id, deleted_at desc);
create index receipts_deleted_at on receipts (deleted_at);

create table events (
    id              uuid primary key,
    assistant_id    uuid not null,
    user_id         uuid not null,
    sequence        bigint not null,
    kind            text not null,
    status          text not null,
    previous_status text,
    status_message  text,
    note            text,  -- what pages say about the entry; v1 does not have it
    worker_url      text,
    created_at      timestamptz not null,
    unique (assistant_id, sequence)
);

-- Webhooks to customers.
create table deliveries (
    id           uuid primary key,
    assistant_id uuid not null,
    user_id      uuid not null,
    sequence     bigint not null,
    url          text not null,
    payload      text not null,
    state        text not null,  -- pending, delivered, failed
    attempts     bigint not null,
    last_status  bigint,
    last_error   text,
    created_at   timestamptz not null,
    finished_at  timestamptz
);
create index deliveries_assistant on deliveries (assistant_id, created_at desc);

-- Numbers continue when a delivery is sent again.
create table delivery_attempts (
    delivery_id uuid not null references deliveries (id) on delete cascade,
    number      bigint not null,
    started_at  timestamptz not null,
    duration_ms bigint not null,
    status      bigint,
    error       text,
    primary key (delivery_id, number)
);

create table jobs (
    id              uuid primary key,
    kind            text not null,
    dedup_key       text unique,
    concurrency_key text,             -- jobs of a kind with the same key run a few at a time
    payload         jsonb not null,   -- ids only
    run_at          timestamptz not null,
    attempts        bigint not null,
    rerun_requests  bigint not null,  -- how many times it was enqueued again while it ran
    lease_token     uuid,
    lease_until     timestamptz,
    dead_at         timestamptz,
    last_error      text,
    traceparent     text,             -- W3C trace context of the request that enqueued it
    created_at      timestamptz not null
);
create index jobs_due on jobs (kind, run_at) where dead_at is null;

-- Tasks that run at intervals, in one process at a time.
create table timers (
    name    text primary key,
    next_at timestamptz not null
);

-- Polar's webhooks as they arrived.
create table polar_inbox (
    position     bigint generated always as identity primary key,
    webhook_id   text not null unique,
    body         text not null,
    received_at  timestamptz not null,
    processed_at timestamptz,
    outcome      text
);
create index polar_inbox_open on polar_inbox (position) where processed_at is null;

-- When to ask Polar about payments: for unpaid assistants, for live subscriptions, and for deleted assistants whose
-- checkout is still open.
create table payment_checks (
    assistant_id       uuid primary key,  -- remains after the assistant is deleted
    user_id            uuid,              -- the checks of users alternate
    checkout_id        text,
    next_check_at      timestamptz,       -- null: nothing is left to check
    last_checked_at    timestamptz,
    check_count        bigint not null,   -- since the last change
    expedite_count     bigint not null,   -- how many times a waiting customer brought the next check forward
    checkout_closed_at timestamptz,       -- when Polar first said that the checkout can no longer be paid
    payment_as_of      timestamptz,       -- Polar's time of the newest subscription state that was applied
    ordered_at         timestamptz not null
);
create index payment_checks_due on payment_checks (next_check_at) where next_check_at is not null;
create index payment_checks_user on payment_checks (user_id, last_checked_at);

-- One row for all processes: the rate at which Polar is asked, and the state of Polar's webhook endpoint.
create table polar_state (
    id                     bigint primary key check (id = 1),
    budget_free_at         timestamptz not null,  -- from then on, the rate allows the next check
    recheck_before         timestamptz,           -- payments that were last checked before then are checked again soon
    endpoint_status        text,
    endpoint_next_check_at timestamptz not null
);
insert into polar_state (id, budget_free_at, endpoint_next_check_at) values (1, to_timestamp(0), to_timestamp(0));

-- Subscriptions that Reef ends. Rows are kept for some time after Polar has confirmed the end.
create table revocations (
    subscription_id text primary key,
    assistant_id    uuid,
    reason          text not null,  -- deleted, duplicate, late, refunded
    requested_at    timestamptz not null,
    confirmed_at    timestamptz
);
create index revocations_open on revocations (requested_at) where confirmed_at is null;
create index revocations_assistant on revocations (assistant_id);

-- Model credit of managed assistants by paid period. A period is identified by its order, its end, or both.
create table managed_credits (
    id            uuid primary key,
    assistant_id  uuid not null,
    order_id      text,
    period_end    timestamptz,
    amount_micros bigint not null,  -- millionths of a US dollar
    credited_at   timestamptz not null,
    unique (assistant_id, order_id),
    unique (assistant_id, period_end)
);

-- Every key that an assistant has had at OpenRouter, and its usage.
create table managed_keys (
    hash         text primary key,
    assistant_id uuid not null,
    usage_micros bigint not null,  -- millionths of a US dollar
    read_at      timestamptz not null
);
create index managed_keys_assistant on managed_keys (assistant_id);

-- The model lists that were read from providers; those that are part of Reef are added to them.
create table catalogs (
    source     text primary key,
    models     jsonb not null,
    fetched_at timestamptz not null
);

-- The workers of the embedded host, each with the run that started it.
create table workers (
    worker_name      text primary key,
    assistant_id     uuid not null unique,
    generation       bigint not null,
    settings         bytea not null,  -- sealed
    polling          boolean not null,
    poll_offset      bigint not null,
    poll_lease_token uuid,
    poll_lease_until timestamptz,     -- without a token: no process polls before then
    started_at       timestamptz not null
);

-- The updates that bots received. Each is answered once; its answer is stored until all parts are sent.
create table bot_updates (
    id             uuid primary key,
    assistant_id   uuid not null,
    bot_id         bigint not null,  -- update ids are unique only within a bot
    update_id      bigint not null,
    chat_id        bigint not null,
    media_group_id text,             -- the parts of an album are updates with the same id
    body           text not null,
    answer         text,
    sent_parts     bigint not null,
    attempts       bigint not null,
    lease_token    uuid,
    lease_until    timestamptz,      -- without a token: no process attempts it before then
    received_at    timestamptz not null,
    done_at        timestamptz,
    unique (assistant_id, bot_id, update_id)
);
create index bot_updates_open on bot_updates (assistant_id, chat_id, update_id)
    where done_at is null;
create index bot_updates_albums on bot_updates (assistant_id, chat_id, media_group_id)
    where media_group_id is not null;
create index bot_updates_retry on bot_updates (lease_until)
    where done_at is null and lease_token is null and lease_until is not null;

-- The messages that assistants remember of their chats.
create table conversation_messages (
    assistant_id uuid not null,
    chat_id      bigint not null,
    position     bigint not null,
    role         text not null,
    content      text not null,
    created_at   timestamptz not null,
    primary key (assistant_id, chat_id, position)
);

-- Groups that became supergroups, which have a different id.
create table chat_migrations (
    assistant_id uuid not null,
    chat_id      bigint not null,
    migrated_to  bigint not null,
    primary key (assistant_id, chat_id)
);

-- Mail to customers, before and after it is sent. Its text is rendered when it is sent.
create table mails (
    id             uuid primary key,
    user_id        uuid references users (id) on delete cascade,  -- null if no account has the address
    kind           text not null,
    recipient      text,   -- null: the account's address when the mail is sent
    assistant_id   uuid,
    assistant_name text,
    detail         text,
    token          bytea,  -- sealed; the secret of the link, until the mail is sent
    created_at     timestamptz not null,
    sent_at        timestamptz
);
create index mails_user on mails (user_id);
create index mails_assistant on mails (assistant_id, kind, created_at);
create index mails_created_at on mails (created_at);

-- The actions that links in mails allow, each of them once.
create table mail_tokens (
    hash       bytea primary key,  -- SHA-256 of the secret of the link
    mail_id    uuid not null references mails (id) on delete cascade,
    user_id    uuid references users (id) on delete cascade,
    purpose    text not null,      -- confirm, reset, change
    email      text not null,      -- the address that the link was sent to
    expires_at timestamptz not null
);
create index mail_tokens_mail on mail_tokens (mail_id);
create index mail_tokens_user on mail_tokens (user_id);
create index mail_tokens_expires_at on mail_tokens (expires_at);

-- Mails of the last day by recipient. They also count after the account that requested them is deleted.
create table mail_requests (
    recipient    text not null,  -- a keyed hash of the address and of the limit that it counts toward
    requested_at timestamptz not null
);
create index mail_requests_recipient on mail_requests (recipient, requested_at);
create index mail_requests_requested_at on mail_requests (requested_at);

-- Requests with an Idempotency-Key and their saved responses, for a day.
create table idempotency_keys (
    user_id         uuid not null,
    key             text not null,
    fingerprint     bytea not null,  -- of method, path and body
    response_status bigint,          -- null while the first request runs
    response_body   text,
    lease_until     timestamptz not null,
    created_at      timestamptz not null,
    primary key (user_id, key)
);
create index idempotency_keys_created_at on idempotency_keys (created_at);
create index idempotency_keys_errors on idempotency_keys (user_id, created_at, key)
    where response_status >= 400;

-- Requests within a window, summed over all processes.
create table request_counts (
    subject        text primary key,  -- a key or an address
    count          bigint not null,
    window_ends_at timestamptz not null
);

-- Failed attempts to sign in, to sign up or to prove a password.
create table throttles (
    subject       text primary key,  -- what the attempts are counted for: an account, an address, or both
    account       text,              -- the account that they were made against; a new password resets all of them
    attempts      bigint not null,
    blocked_until timestamptz,
    expires_at    timestamptz not null
);
create index throttles_account on throttles (account);
