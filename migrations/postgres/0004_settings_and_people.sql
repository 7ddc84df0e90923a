-- How assistants behave. An assistant without a row has the default settings, as revision 1.
create table assistant_settings (
    assistant_id uuid primary key references assistants (id) on delete cascade,
    revision     bigint not null,
    document     text not null,  -- JSON; a field that is missing has its default
    mcp_headers  bytea,           -- sealed
    updated_at   timestamptz not null
);

-- Assistants that people use already stay open to everyone.
insert into assistant_settings (assistant_id, revision, document, updated_at)
select id, 1, '{"access":{"mode":"anyone"}}', created_at from assistants where worker_name is not null;

-- Every revision that a change has made, and the one before the first change.
create table settings_revisions (
    assistant_id uuid not null references assistants (id) on delete cascade,
    revision     bigint not null,
    document     text not null,
    changes      text not null,  -- JSON
    author_type  text not null,  -- key, session
    author_id    uuid not null,
    author_name  text not null,
    created_at   timestamptz not null,
    primary key (assistant_id, revision)
);

-- Who has written to an assistant, and whether they may.
create table people (
    id                uuid primary key,
    assistant_id      uuid not null references assistants (id) on delete cascade,
    telegram_user_id  bigint not null,
    name              text not null,
    username          text,
    role              text not null,  -- owner, approved, requested, blocked
    first_seen_at     timestamptz not null,
    last_seen_at      timestamptz not null,
    role_set_at       timestamptz not null,
    is_first_writer   boolean not null default false,  -- the owner because nobody was before
    refused_at        timestamptz,  -- when it was last said to them that they may not talk to the assistant
    refused_update_id bigint,  -- the update that was refused then
    unique (assistant_id, telegram_user_id)
);
create unique index people_owner on people (assistant_id) where role = 'owner';
create index people_newest on people (assistant_id, first_seen_at desc, id desc);

-- The link with which the owner of an assistant identifies in Telegram.
create table owner_links (
    assistant_id uuid primary key references assistants (id) on delete cascade,
    code_hash    bytea not null,  -- SHA-256
    expires_at   timestamptz not null
);

-- The groups that an assistant is in.
create table bot_groups (
    assistant_id uuid not null references assistants (id) on delete cascade,
    chat_id      bigint not null,
    title        text not null,
    added_by     bigint,                     -- the Telegram user who added the bot, if known
    is_approved  boolean not null default false,  -- approved on the page of the assistant
    first_seen_at timestamptz not null,
    primary key (assistant_id, chat_id)
);

-- Each topic of a chat is a conversation of its own. Outside topics, the topic is 0.
alter table conversation_messages add column thread_id bigint not null default 0;
alter table conversation_messages drop constraint conversation_messages_pkey;
alter table conversation_messages add primary key (assistant_id, chat_id, thread_id, position);

-- What conversations asked to remember. A fact of one conversation is never part of another one.
create table facts (
    id              uuid primary key,
    assistant_id    uuid not null references assistants (id) on delete cascade,
    conversation_id uuid not null,
    chat_id         bigint not null,
    thread_id       bigint not null,
    text            text not null,
    created_at      timestamptz not null
);
create index facts_conversation on facts (assistant_id, chat_id, thread_id, created_at, id);
