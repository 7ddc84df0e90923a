-- The conversations of the API. Their messages are kept like those of chats, under an id that no chat at Telegram has.
create table api_conversations (
    id              blob primary key,
    assistant_id    blob not null references assistants (id) on delete cascade,
    chat_id         integer not null,
    answering_until integer,  -- while a question is being answered, unless the process was killed
    used_at         integer not null,
    unique (assistant_id, chat_id)
) strict;
create index api_conversations_used on api_conversations (used_at);
