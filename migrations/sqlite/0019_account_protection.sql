-- Whose account tries were made against: a new password forgets them all at once.
alter table tries add column owner text;
create index tries_owner on tries (owner);
