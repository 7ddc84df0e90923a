-- Whose account tries were made against: a new password forgets them all at once.
alter table tries add column owner text;
create index tries_owner on tries (owner);

-- Mails that were asked for, by recipient, for a day: also after the account that asked is gone.
create table recipient_mails (
    recipient text not null,                 -- a keyed hash of the address and of what its share is for
    asked_at  integer not null
) strict;
create index recipient_mails_recipient on recipient_mails (recipient, asked_at);
create index recipient_mails_age on recipient_mails (asked_at);
