-- Times are whole milliseconds since 1970, ids 16 bytes, booleans 0 or 1.

-- A person who signs in.
create table users (
    id                        blob primary key,
    email                     text not null unique,  -- lower case
    email_confirmed_at        integer,        -- when the owner opened a link that was sent to it
    password_hash             text not null,  -- argon2id, in PHC form
    signing_secret            blob not null,  -- sealed
    previous_signing_secret   blob,           -- sealed; also signs for 24 hours after a rotation
    signing_secret_rotated_at integer,
    created_at                integer not null
) strict;

-- Browser sessions, by a hash of what the cookie carries.
create table sessions (
    id               text primary key,
    user_id          blob references users (id) on delete cascade,  -- null until someone signs in
    data             text not null,
    ip_address       text,
    user_agent       text,
    created_at       integer not null,
    expires_at       integer not null,
    last_used_at     integer,  -- with a precision of a few minutes
    flash            blob,     -- sealed; what a form hands to the next page
    flash_expires_at integer
) strict;
create index sessions_user on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);

-- The secret from which an account's authenticator app generates codes.
create table totp (
    user_id        blob primary key references users (id) on delete cascade,
    secret         blob not null,    -- sealed
    created_at     integer not null,
    confirmed_at   integer,          -- null until a code has proved that the app has the secret
    last_used_step integer not null  -- no code of this step or an earlier one is accepted
) strict;

-- A row is deleted when its code is used.
create table recovery_codes (
    user_id blob not null references users (id) on delete cascade,
    hash    blob not null,  -- SHA-256; the code has 80 random bits
    primary key (user_id, hash)
) strict, without rowid;

create table api_keys (
    id           blob primary key,
    user_id      blob not null references users (id) on delete cascade,
    name         text not null,
    hash         blob not null unique,  -- SHA-256 of the whole key
    prefix       text not null,         -- the part of the key that pages show
    can_read     integer not null,
    can_write    integer not null,
    grant_id     blob,                  -- null: the key reaches all assistants of its owner
    replaced_by  blob,                  -- the key that a rotation created
    created_at   integer not null,
    expires_at   integer,
    last_used_at integer,
    revoked_at   integer
) strict;
create index api_keys_user on api_keys (user_id);

-- The assistants that a limited key reaches. Rows remain after an assistant is deleted: a key whose assistants are all
-- gone reaches none. A key and the one that replaces it share a grant.
create table api_key_grants (
    grant_id     blob not null,
    assistant_id blob not null,
    user_id      blob not null references users (id) on delete cascade,
    primary key (grant_id, assistant_id)
) strict, without rowid;
create index api_key_grants_user on api_key_grants (user_id);

-- The newest requests of each key, written after the responses were sent.
create table api_key_requests (
    key_id      blob not null references api_keys (id) on delete cascade,
    id          blob not null,  -- increases with time
    method      text not null,
    path        text not null,
    status      integer not null,
    duration_ms integer not null,
    request_id  text not null,
    answered_at integer not null,
    primary key (key_id, id)
) strict, without rowid;

create table assistants (
    id                      blob primary key,
    user_id                 blob not null references users (id),
    plan                    text not null,
    status                  text not null,
    worker_name             text unique,
    generation              integer,
    deadline                integer,
    worker_url              text,
    failure_code            text,
    undo_reason             text,     -- the failure code for which the last change was undone
    payment_status          text not null,
    subscription_id         text,
    current_period_end      integer,
    canceled_at             integer,
    checkout_id             text,
    checkout_url            text,
    name                    text,
    provider                text,
    model_id                text,
    webhook_url             text,
    bot_token               blob,     -- sealed
    bot_token_hash          blob,     -- equal for equal tokens, in every installation
    bot_token_fingerprint   text,     -- the beginning of a keyed hash, for the owner to compare
    bot_token_set_at        integer,
    model_key               blob,     -- sealed
    model_key_fingerprint   text,
    model_key_set_at        integer,
    managed_key_hash        text,     -- OpenRouter's name for the key that it created
    bot_id                  integer,  -- the bot that the last deployment found
    bot_username            text,
    credit_refused_at       integer,  -- when a model request was refused for lack of credit
    exhausted_credit_micros integer,  -- the credit whose exhaustion the owner was notified of
    sequence                integer not null,
    version                 integer not null,
    created_at              integer not null,
    updated_at              integer not null
) strict;
create index assistants_user on assistants (user_id, created_at desc, id desc);
create index assistants_subscription on assistants (subscription_id);
create index assistants_bot_token on assistants (bot_token_hash);
create index assistants_status on assistants (status, deadline);

-- What a change of a running assistant replaced, until the run with the new values is active. If that run fails,
-- this is deployed again, and the row then holds the rejected bot token until the webhook of that bot is deleted.
create table replaced_configurations (
    assistant_id          blob primary key references assistants (id) on delete cascade,
    is_fallback           integer not null,  -- whether it is deployed again if the run fails
    replaced_at           integer not null,
    provider              text,
    model_id              text,
    bot_token             blob,              -- sealed; secrets that were not replaced are null
    bot_token_hash        blob,
    bot_token_fingerprint text,
    bot_token_set_at      integer,
    model_key             blob,              -- sealed
    model_key_fingerprint text,
    model_key_set_at      integer
) strict;
create index replaced_configurations_bot_token on replaced_configurations (bot_token_hash);

create table deployment_steps (
    assistant_id blob not null references assistants (id) on delete cascade,
    generation   integer not null,
    position     integer not null,  -- 1 token, 2 model, 3 worker, 4 webhook, 5 ready
    started_at   integer not null,
    ended_at     integer,
    failed       integer not null,
    primary key (assistant_id, generation, position)
) strict;

-- Ids of deleted assistants: a payment for them may still arrive.
create table tombstones (
    assistant_id    blob primary key,
    user_id         blob not null,
    deleted_at      integer not null,
    ordered_at      integer,                    -- null if it was paid; the others count toward the limit on unpaid orders
    checkout_failed integer not null default 0  -- deleted because Polar created no checkout
) strict;
create index tombstones_orders on tombstones (user_id, ordered_at) where ordered_at is not null;

-- What owners can still read about a deleted assistant. It contains no secrets.
create table receipts (
    assistant_id       blob primary key,
    user_id            blob not null references users (id) on delete cascade,
    name               text not null,
    plan               text not null,
    status             text not null,  -- the last one
    worker_name        text,
    had_bot_token      integer not null,
    had_model_key      integer not null,
    managed_key_hash   text,
    payment_status     text not null,
    subscription_id    text,
    current_period_end integer,
    deleted_at         integer not null
) strict;
create index receipts_user on receipts (user_id, deleted_at desc);
create index receipts_deleted_at on receipts (deleted_at);

create table events (
    id              blob primary key,
    assistant_id    blob not null,
    user_id         blob not null,
    sequence        integer not null,
    kind            text not null,
    status          text not null,
    previous_status text,
    status_message  text,
    note            text,  -- what pages say about the entry; v1 does not have it
    worker_url      text,
    created_at      integer not null,
    unique (assistant_id, sequence)
) strict;

-- Webhooks to customers.
create table deliveries (
    id           blob primary key,
    assistant_id blob not null,
    user_id      blob not null,
    sequence     integer not null,
    url          text not null,
    payload      text not null,
    state        text not null,  -- pending, delivered, failed
    attempts     integer not null,
    last_status  integer,
    last_error   text,
    created_at   integer not null,
    finished_at  integer
) strict;
create index deliveries_assistant on deliveries (assistant_id, created_at desc);

-- Numbers continue when a delivery is sent again.
create table delivery_attempts (
    delivery_id blob not null references deliveries (id) on delete cascade,
    number      integer not null,
    started_at  integer not null,
    duration_ms integer not null,
    status      integer,
    error       text,
    primary key (delivery_id, number)
) strict;

create table jobs (
    id              blob primary key,
    kind            text not null,
    dedup_key       text unique,
    concurrency_key text,              -- jobs of a kind with the same key run a few at a time
    payload         text not null,     -- ids only
    run_at          integer not null,
    attempts        integer not null,
    rerun_requests  integer not null,  -- how many times it was enqueued again while it ran
    lease_token     blob,
    lease_until     integer,
    dead_at         integer,
    last_error      text,
    traceparent     text,              -- W3C trace context of the request that enqueued it
    created_at      integer not null
) strict;
create index jobs_due on jobs (kind, run_at) where dead_at is null;

-- Tasks that run at intervals, in one process at a time.
create table timers (
    name    text primary key,
    next_at integer not null
) strict;

-- Polar's webhooks as they arrived.
create table polar_inbox (
    position     integer primary key autoincrement,
    webhook_id   text not null unique,
    body         text not null,
    received_at  integer not null,
    processed_at integer,
    outcome      text
) strict;
create index polar_inbox_open on polar_inbox (position) where processed_at is null;

-- When to ask Polar about payments: for unpaid assistants, for live subscriptions, and for deleted assistants whose
-- checkout is still open.
create table payment_checks (
    assistant_id       blob primary key,  -- remains after the assistant is deleted
    user_id            blob,              -- the checks of users alternate
    checkout_id        text,
    next_check_at      integer,           -- null: nothing is left to check
    last_checked_at    integer,
    check_count        integer not null,  -- since the last change
    expedite_count     integer not null,  -- how many times a waiting customer brought the next check forward
    checkout_closed_at integer,           -- when Polar first said that the checkout can no longer be paid
    payment_as_of      integer,           -- Polar's time of the newest subscription state that was applied
    ordered_at         integer not null
) strict;
create index payment_checks_due on payment_checks (next_check_at) where next_check_at is not null;
create index payment_checks_user on payment_checks (user_id, last_checked_at);

-- One row for all processes: the rate at which Polar is asked, and the state of Polar's webhook endpoint.
create table polar_state (
    id                     integer primary key check (id = 1),
    budget_free_at         integer not null,  -- from then on, the rate allows the next check
    recheck_before         integer,           -- payments that were last checked before then are checked again soon
    endpoint_status        text,
    endpoint_next_check_at integer not null
) strict;
insert into polar_state (id, budget_free_at, endpoint_next_check_at) values (1, 0, 0);

-- Subscriptions that Reef ends. Rows are kept for some time after Polar has confirmed the end.
create table revocations (
    subscription_id text primary key,
    assistant_id    blob,
    reason          text not null,  -- deleted, duplicate, late, refunded
    requested_at    integer not null,
    confirmed_at    integer
) strict;
create index revocations_open on revocations (requested_at) where confirmed_at is null;
create index revocations_assistant on revocations (assistant_id);

-- Model credit of managed assistants by paid period. A period is identified by its order, its end, or both.
create table managed_credits (
    id            blob primary key,
    assistant_id  blob not null,
    order_id      text,
    period_end    integer,
    amount_micros integer not null,  -- millionths of a US dollar
    credited_at   integer not null,
    unique (assistant_id, order_id),
    unique (assistant_id, period_end)
) strict;

-- Every key that an assistant has had at OpenRouter, and its usage.
create table managed_keys (
    hash         text primary key,
    assistant_id blob not null,
    usage_micros integer not null,  -- millionths of a US dollar
    read_at      integer not null
) strict;
create index managed_keys_assistant on managed_keys (assistant_id);

-- The model lists that were read from providers; those that are part of Reef are added to them.
create table catalogs (
    source     text primary key,
    models     text not null,
    fetched_at integer not null
) strict;

-- The workers of the embedded host, each with the run that started it.
create table workers (
    worker_name      text primary key,
    assistant_id     blob not null unique,
    generation       integer not null,
    settings         blob not null,  -- sealed
    polling          integer not null,
    poll_offset      integer not null,
    poll_lease_token blob,
    poll_lease_until integer,        -- without a token: no process polls before then
    started_at       integer not null
) strict;

-- The updates that bots received. Each is answered once; its answer is stored until all parts are sent.
create table bot_updates (
    id             blob primary key,
    assistant_id   blob not null,
    bot_id         integer not null,  -- update ids are unique only within a bot
    update_id      integer not null,
    chat_id        integer not null,
    media_group_id text,              -- the parts of an album are updates with the same id
    body           text not null,
    answer         text,
    sent_parts     integer not null,
    attempts       integer not null,
    lease_token    blob,
    lease_until    integer,           -- without a token: no process attempts it before then
    received_at    integer not null,
    done_at        integer,
    unique (assistant_id, bot_id, update_id)
) strict;
create index bot_updates_open on bot_updates (assistant_id, chat_id, update_id)
    where done_at is null;
create index bot_updates_albums on bot_updates (assistant_id, chat_id, media_group_id)
    where media_group_id is not null;
create index bot_updates_retry on bot_updates (lease_until)
    where done_at is null and lease_token is null and lease_until is not null;

-- The messages that assistants remember of their chats.
create table conversation_messages (
    assistant_id blob not null,
    chat_id      integer not null,
    position     integer not null,
    role         text not null,
    content      text not null,
    created_at   integer not null,
    primary key (assistant_id, chat_id, position)
) strict;

-- Groups that became supergroups, which have a different id.
create table chat_migrations (
    assistant_id blob not null,
    chat_id      integer not null,
    migrated_to  integer not null,
    primary key (assistant_id, chat_id)
) strict, without rowid;

-- Mail to customers, before and after it is sent. Its text is rendered when it is sent.
create table mails (
    id             blob primary key,
    user_id        blob references users (id) on delete cascade,  -- null if no account has the address
    kind           text not null,
    recipient      text,  -- null: the account's address when the mail is sent
    assistant_id   blob,
    assistant_name text,
    detail         text,
    token          blob,  -- sealed; the secret of the link, until the mail is sent
    created_at     integer not null,
    sent_at        integer
) strict;
create index mails_user on mails (user_id);
create index mails_assistant on mails (assistant_id, kind, created_at);
create index mails_created_at on mails (created_at);

-- The actions that links in mails allow, each of them once.
create table mail_tokens (
    hash       blob primary key,  -- SHA-256 of the secret of the link
    mail_id    blob not null references mails (id) on delete cascade,
    user_id    blob references users (id) on delete cascade,
    purpose    text not null,     -- confirm, reset, change
    email      text not null,     -- the address that the link was sent to
    expires_at integer not null
) strict;
create index mail_tokens_mail on mail_tokens (mail_id);
create index mail_tokens_user on mail_tokens (user_id);
create index mail_tokens_expires_at on mail_tokens (expires_at);

-- Mails of the last day by recipient. They also count after the account that requested them is deleted.
create table mail_requests (
    recipient    text not null,  -- a keyed hash of the address and of the limit that it counts toward
    requested_at integer not null
) strict;
create index mail_requests_recipient on mail_requests (recipient, requested_at);
create index mail_requests_requested_at on mail_requests (requested_at);

-- Requests with an Idempotency-Key and their saved responses, for a day.
create table idempotency_keys (
    user_id         blob not null,
    key             text not null,
    fingerprint     blob not null,  -- of method, path and body
    response_status integer,        -- null while the first request runs
    response_body   text,
    lease_until     integer not null,
    created_at      integer not null,
    primary key (user_id, key)
) strict;
create index idempotency_keys_created_at on idempotency_keys (created_at);
create index idempotency_keys_errors on idempotency_keys (user_id, created_at, key)
    where response_status >= 400;

-- Requests within a window, summed over all processes.
create table request_counts (
    subject        text primary key,  -- a key or an address
    count          integer not null,
    window_ends_at integer not null
) strict;

-- Failed attempts to sign in, to sign up or to prove a password.
create table throttles (
    subject       text primary key,  -- what the attempts are counted for: an account, an address, or both
    account       text,              -- the account that they were made against; a new password resets all of them
    attempts      integer not null,
    blocked_until integer,
    expires_at    integer not null
) strict;
create index throttles_account on throttles (account);
