-- When a session was last used, to a few minutes.
alter table sessions add column last_used_at timestamptz;

-- The second factor of a sign-in: what an authenticator app makes its codes from.
create table totp (
    user_id      uuid primary key references users (id) on delete cascade,
    secret       bytea not null,             -- sealed
    begun_at     timestamptz not null,
    confirmed_at timestamptz,                -- null until a code has shown that the app has the secret
    last_step    bigint not null             -- the newest step whose code was used: none is taken twice
);

-- Codes for whoever has lost that app. A row goes when its code is used.
create table recovery_codes (
    user_id uuid not null references users (id) on delete cascade,
    hash    bytea not null,                  -- SHA-256; the code has 80 random bits
    primary key (user_id, hash)
);
