-- The conversations of the API. Their messages are kept like those of chats, under an id that no chat at Telegram has.
create table api_conversations (
    id              uuid primary key,
    assistant_id    uuid not null references assistants (id) on delete cascade,
    chat_id         bigint not null,
    answering_until timestamptz,  -- while a question is being answered, unless the process was killed
    used_at         timestamptz not null,
    unique (assistant_id, chat_id)
);
create index api_conversations_used on api_conversations (used_at);
