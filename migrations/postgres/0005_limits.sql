-- Requests counted within a window, told by every process to all others.
create table request_counts (
    subject text primary key,                -- of which key or address
    count   bigint not null,
    ends_at timestamptz not null
);

-- Tries to sign in or up that have not succeeded.
create table tries (
    subject       text primary key,          -- of which account or address
    count         bigint not null,
    blocked_until timestamptz,
    forgotten_at  timestamptz not null
);
