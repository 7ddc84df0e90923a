-- What a change of a running assistant has replaced, until the run with the new values is active. When that run fails, it
-- is deployed again; then the row holds the bot that was tried, until its webhook is gone.
create table replaced_configurations (
    assistant_id     blob primary key references assistants (id) on delete cascade,
    is_fallback      integer not null,       -- it is deployed again when the run fails
    replaced_at      integer not null,
    provider         text,
    model_id         text,
    bot_token        blob,                   -- sealed; the secrets that were not replaced are null
    bot_fingerprint  blob,
    bot_token_mark   text,
    bot_token_set_at integer,
    model_key        blob,                   -- sealed
    model_key_mark   text,
    model_key_set_at integer
) strict;
create index replaced_configurations_bot on replaced_configurations (bot_fingerprint);

-- Why the last change was undone.
alter table assistants add column undone text;

-- assistants.pending_change is no longer read or written: a change is one transaction now. The column stays for the version
-- before, which works beside this one during a rolling restart.
