-- Payment checks are fair between accounts: the account that a check belongs to, known after the slot's deletion as well.
alter table polar_asks add column user_id uuid;
update polar_asks set user_id = coalesce(
    (select user_id from assistants where assistants.id = polar_asks.assistant_id),
    (select user_id from tombstones where tombstones.assistant_id = polar_asks.assistant_id));
create index polar_asks_account on polar_asks (user_id, asked_at);

-- Deleting an unpaid slot does not give its place in the limit on unpaid orders back.
alter table tombstones add column ordered_at timestamptz;                  -- null: it was paid, or deleted before this was noted
alter table tombstones add column is_void boolean not null default false;  -- its checkout could not be made
create index tombstones_orders on tombstones (user_id, ordered_at) where ordered_at is not null;
