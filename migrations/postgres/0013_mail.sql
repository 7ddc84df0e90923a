-- Whether the account's address is its owner's: they have opened a link that was sent there.
alter table users add column email_confirmed_at timestamptz;

-- Mails that are to be sent or were sent. Their words are made when they are sent.
create table mails (
    id             uuid primary key,
    user_id        uuid references users (id) on delete cascade,  -- null: nobody has the address that was asked for
    kind           text not null,
    recipient      text,                     -- null: the account's address when it is sent
    assistant_id   uuid,
    assistant_name text,
    detail         text,
    token          bytea,                     -- sealed: the link's secret, until the mail is sent
    created_at     timestamptz not null,
    sent_at        timestamptz
);
create index mails_user on mails (user_id);
create index mails_assistant on mails (assistant_id, kind, created_at);
create index mails_age on mails (created_at);

-- What links in mails are good for, once.
create table mail_tokens (
    hash       bytea primary key,             -- SHA-256 of the link's secret
    mail_id    uuid not null references mails (id) on delete cascade,
    user_id    uuid references users (id) on delete cascade,
    purpose    text not null,                -- confirm, reset, change
    email      text not null,                -- the address that the link was sent to
    expires_at timestamptz not null
);
create index mail_tokens_mail on mail_tokens (mail_id);
create index mail_tokens_user on mail_tokens (user_id);
create index mail_tokens_expiry on mail_tokens (expires_at);
