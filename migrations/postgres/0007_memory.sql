-- Assistants whose next owner comes by the owner link: their owner was erased, or disowned.
create table owner_link_requirements (
    assistant_id uuid primary key references assistants (id) on delete cascade,
    required_at  timestamptz not null
);

create index people_requests on people (assistant_id, first_seen_at desc, id desc) where role = 'requested';

-- What each person has used of their share of an assistant that answers everyone. A share is used up while the time until
-- which it counts as used is too far ahead.
create table turn_shares (
    assistant_id      uuid not null references assistants (id) on delete cascade,
    author_id         bigint not null,       -- a Telegram user, or a chat on whose behalf someone writes
    hour_used_until   timestamptz not null,
    day_used_until    timestamptz not null,
    last_update_id    bigint not null,       -- the update that was counted last
    refused_at        timestamptz,           -- when the person was last informed that the share is used up
    refused_update_id bigint,                -- the update that was refused then
    primary key (assistant_id, author_id)
);
create index turn_shares_used_up on turn_shares (day_used_until);

-- What happened in conversations before the turns that are still stored, in the words of the model.
create table conversation_summaries (
    assistant_id   uuid not null references assistants (id) on delete cascade,
    chat_id        bigint not null,
    thread_id      bigint not null,
    summary        text not null,
    covered_until  bigint not null,      -- the position of the last message that the summary covers
    attempted_at   bigint not null,      -- the position of the last message when a summary was last requested
    updated_at     timestamptz not null,
    primary key (assistant_id, chat_id, thread_id)
);
