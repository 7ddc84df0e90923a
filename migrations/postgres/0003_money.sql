-- What Polar is asked about: slots that may still be paid, live subscriptions, deleted slots with a checkout open.
create table polar_asks (
    assistant_id uuid primary key,           -- stays when the assistant is deleted
    checkout_id  text,
    next_at      timestamptz,                    -- null: there is nothing more to ask
    asks         bigint not null,           -- since something last happened
    hurries      bigint not null,           -- how often somebody who waits has hastened the next one
    closed_at    timestamptz,                    -- when Polar first said that the checkout cannot be paid any more
    as_of        timestamptz,                    -- Polar's time of the newest state of the subscription that is applied
    since        timestamptz not null
);
create index polar_asks_due on polar_asks (next_at) where next_at is not null;
insert into polar_asks
    select id, checkout_id, updated_at, 0, 0, null::timestamptz, null::timestamptz, created_at from assistants
    where payment_status in ('pending', 'paid', 'past_due');
insert into polar_asks select assistant_id, null, deleted_at, 0, 0, null::timestamptz, null::timestamptz, deleted_at from tombstones;

-- One row for all processes: the pace of the asking, and how Polar's webhook endpoint was last seen.
create table polar_pace (
    id               bigint primary key check (id = 1),
    free_at          timestamptz not null,
    endpoint         text,
    endpoint_next_at timestamptz not null
);
insert into polar_pace values (1, to_timestamp(0), null, to_timestamp(0));

-- Subscriptions that Reef ends, until Polar has confirmed it and a while after.
create table revocations (
    subscription_id text primary key,
    assistant_id    uuid,                    -- null where it is not known any more
    reason          text not null,           -- deleted, duplicate, late, refunded
    asked_at        timestamptz not null,
    confirmed_at    timestamptz
);
create index revocations_open on revocations (asked_at) where confirmed_at is null;
