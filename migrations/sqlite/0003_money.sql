-- What Polar is asked about: slots that may still be paid, live subscriptions, deleted slots with a checkout open.
create table polar_asks (
    assistant_id blob primary key,           -- stays when the assistant is deleted
    checkout_id  text,
    next_at      integer,                    -- null: there is nothing more to ask
    asks         integer not null,           -- since something last happened
    hurries      integer not null,           -- how often somebody who waits has hastened the next one
    closed_at    integer,                    -- when Polar first said that the checkout cannot be paid any more
    as_of        integer,                    -- Polar's time of the newest state of the subscription that is applied
    since        integer not null
) strict;
create index polar_asks_due on polar_asks (next_at) where next_at is not null;
insert into polar_asks
    select id, checkout_id, updated_at, 0, 0, null, null, created_at from assistants
    where payment_status in ('pending', 'paid', 'past_due');
insert into polar_asks select assistant_id, null, deleted_at, 0, 0, null, null, deleted_at from tombstones;

-- One row for all processes: the pace of the asking, and how Polar's webhook endpoint was last seen.
create table polar_pace (
    id               integer primary key check (id = 1),
    free_at          integer not null,
    endpoint         text,
    endpoint_next_at integer not null
) strict;
insert into polar_pace values (1, 0, null, 0);

-- Subscriptions that Reef ends, until Polar has confirmed it and a while after.
create table revocations (
    subscription_id text primary key,
    assistant_id    blob,                    -- null where it is not known any more
    reason          text not null,           -- deleted, duplicate, late, refunded
    asked_at        integer not null,
    confirmed_at    integer
) strict;
create index revocations_open on revocations (asked_at) where confirmed_at is null;
