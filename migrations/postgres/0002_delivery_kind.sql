-- What a webhook is about, as its body says: assistant.status_changed, assistant.deleted or assistant.test.
alter table deliveries add column kind text not null default 'assistant.status_changed';
update deliveries set kind = payload::json ->> 'type';
alter table deliveries alter column kind drop default;
