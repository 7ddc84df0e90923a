-- The assistants that keys are limited to. A key without a grant may touch all of its owner's; one with a grant whose
-- assistants are gone may touch none. The key that replaces another in a rotation has the same grant.
alter table api_keys add column grant_id uuid;
alter table api_keys add column replaced_by uuid;        -- the key made in its place; it ends by itself after an overlap

create table api_key_grants (
    grant_id     uuid not null,
    assistant_id uuid not null,                          -- stays when the assistant is deleted
    user_id      uuid not null references users (id) on delete cascade,
    primary key (grant_id, assistant_id)
);
create index api_key_grants_user on api_key_grants (user_id);

-- The newest requests of each key; written behind the answers.
create table api_key_requests (
    key_id      uuid not null references api_keys (id) on delete cascade,
    id          uuid not null,                           -- grows with the time
    method      text not null,
    path        text not null,
    status      bigint not null,
    duration_ms bigint not null,
    request_id  text not null,
    answered_at timestamptz not null,
    primary key (key_id, id)
);

-- What a form hands to the page it leads to, and the address must not carry: a new key, recovery codes.
alter table sessions add column flash bytea;             -- sealed
alter table sessions add column flash_until timestamptz;
