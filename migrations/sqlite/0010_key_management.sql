-- The assistants that keys are limited to. A key without a grant may touch all of its owner's; one with a grant whose
-- assistants are gone may touch none. The key that replaces another in a rotation has the same grant.
alter table api_keys add column grant_id blob;
alter table api_keys add column replaced_by blob;        -- the key made in its place; it ends by itself after an overlap

create table api_key_grants (
    grant_id     blob not null,
    assistant_id blob not null,                          -- stays when the assistant is deleted
    user_id      blob not null references users (id) on delete cascade,
    primary key (grant_id, assistant_id)
) strict, without rowid;
create index api_key_grants_user on api_key_grants (user_id);

-- The newest requests of each key; written behind the answers.
create table api_key_requests (
    key_id      blob not null references api_keys (id) on delete cascade,
    id          blob not null,                           -- grows with the time
    method      text not null,
    path        text not null,
    status      integer not null,
    duration_ms integer not null,
    request_id  text not null,
    answered_at integer not null,
    primary key (key_id, id)
) strict, without rowid;

-- What a form hands to the page it leads to, and the address must not carry: a new key, recovery codes.
alter table sessions add column flash blob;              -- sealed
alter table sessions add column flash_until integer;
