-- How assistants behave. An assistant without a row has the default settings, as revision 1.
create table assistant_settings (
    assistant_id blob primary key references assistants (id) on delete cascade,
    revision     integer not null,
    document     text not null,  -- JSON; a field that is missing has its default
    mcp_headers  blob,           -- sealed
    updated_at   integer not null
) strict;

-- Assistants that people use already stay open to everyone.
insert into assistant_settings (assistant_id, revision, document, updated_at)
select id, 1, '{"access":{"mode":"anyone"}}', created_at from assistants where worker_name is not null;

-- Every revision that a change has made, and the one before the first change.
create table settings_revisions (
    assistant_id blob not null references assistants (id) on delete cascade,
    revision     integer not null,
    document     text not null,
    changes      text not null,  -- JSON
    author_type  text not null,  -- key, session
    author_id    blob not null,
    author_name  text not null,
    created_at   integer not null,
    primary key (assistant_id, revision)
) strict, without rowid;

-- Who has written to an assistant, and whether they may.
create table people (
    id                blob primary key,
    assistant_id      blob not null references assistants (id) on delete cascade,
    telegram_user_id  integer not null,
    name              text not null,
    username          text,
    role              text not null,  -- owner, approved, requested, blocked
    first_seen_at     integer not null,
    last_seen_at      integer not null,
    role_set_at       integer not null,
    is_first_writer   integer not null default 0,  -- the owner because nobody was before
    refused_at        integer,  -- when it was last said to them that they may not talk to the assistant
    refused_update_id integer,  -- the update that was refused then
    unique (assistant_id, telegram_user_id)
) strict;
create unique index people_owner on people (assistant_id) where role = 'owner';
create index people_newest on people (assistant_id, first_seen_at desc, id desc);

-- The link with which the owner of an assistant identifies in Telegram.
create table owner_links (
    assistant_id blob primary key references assistants (id) on delete cascade,
    code_hash    blob not null,  -- SHA-256
    expires_at   integer not null
) strict;

-- The groups that an assistant is in.
create table bot_groups (
    assistant_id blob not null references assistants (id) on delete cascade,
    chat_id      integer not null,
    title        text not null,
    added_by     integer,                     -- the Telegram user who added the bot, if known
    is_approved  integer not null default 0,  -- approved on the page of the assistant
    first_seen_at integer not null,
    primary key (assistant_id, chat_id)
) strict, without rowid;

-- Each topic of a chat is a conversation of its own. Outside topics, the topic is 0.
create table topic_messages (
    assistant_id blob not null,
    chat_id      integer not null,
    thread_id    integer not null,
    position     integer not null,
    role         text not null,
    content      text not null,
    created_at   integer not null,
    primary key (assistant_id, chat_id, thread_id, position)
) strict;
insert into topic_messages (assistant_id, chat_id, thread_id, position, role, content, created_at)
select assistant_id, chat_id, 0, position, role, content, created_at from conversation_messages;
drop table conversation_messages;
alter table topic_messages rename to conversation_messages;

-- What conversations asked to remember. A fact of one conversation is never part of another one.
create table facts (
    id              blob primary key,
    assistant_id    blob not null references assistants (id) on delete cascade,
    conversation_id blob not null,
    chat_id         integer not null,
    thread_id       integer not null,
    text            text not null,
    created_at      integer not null
) strict;
create index facts_conversation on facts (assistant_id, chat_id, thread_id, created_at, id);
