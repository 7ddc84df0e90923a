-- The parts of an album are updates of their own that carry the same id.
alter table bot_updates add column media_group_id text;
create index bot_updates_albums on bot_updates (assistant_id, chat_id, media_group_id)
    where media_group_id is not null;

-- Finds the next update that may be tried again.
create index bot_updates_resting on bot_updates (lease_until)
    where done_at is null and lease_token is null and lease_until is not null;

-- Groups that became supergroups, which have another id.
create table chat_migrations (
    assistant_id blob not null,
    chat_id      integer not null,
    migrated_to  integer not null,
    primary key (assistant_id, chat_id)
) strict, without rowid;
