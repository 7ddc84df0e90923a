-- The message of a group that shows an answer while it is written. A turn that runs again edits it instead of sending another one.
alter table bot_updates add column preview_message_id integer;
