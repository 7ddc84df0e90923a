-- Whose bot an assistant last answered as: what Telegram said when it was deployed.
alter table assistants add column bot_id bigint;
alter table assistants add column bot_username text;
