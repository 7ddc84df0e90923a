-- Requests counted within a window, told by every process to all others.
create table request_counts (
    subject text primary key,                -- of which key or address
    count   integer not null,
    ends_at integer not null
) strict;

-- Tries to sign in or up that have not succeeded.
create table tries (
    subject       text primary key,          -- of which account or address
    count         integer not null,
    blocked_until integer,
    forgotten_at  integer not null
) strict;
