-- How assistants are that run now, and when to check them next.
create table assistant_health (
    assistant_id           uuid primary key references assistants (id) on delete cascade,
    user_id                uuid not null,
    generation             bigint not null,  -- of the run that this is about
    provider               text not null,     -- of the model
    verdict                text not null,     -- the worst of the legs
    legs                   text not null,     -- JSON
    is_steady              boolean not null,  -- nothing is wrong, and nothing was seen that may be
    announced              text not null,     -- the verdict of the last webhook; ok before the first one
    mailed                 text not null,     -- the verdict of the last email; ok before the first one
    mailed_at              timestamptz,
    used_at                timestamptz,           -- with a precision of a minute
    telegram_signal        text,              -- what the worker has seen of Telegram since the last evaluation
    model_signal           text,              -- what the worker has seen of the model since the last evaluation
    signal_at              timestamptz,           -- when something was seen that has to be evaluated without delay
    next_telegram_check_at timestamptz not null,
    next_model_check_at    timestamptz not null
);
create index assistant_health_user on assistant_health (user_id);
create index assistant_health_telegram_due on assistant_health (next_telegram_check_at);
create index assistant_health_model_due on assistant_health (provider, next_model_check_at);
create index assistant_health_signals on assistant_health (signal_at) where signal_at is not null;

-- Assistants that run already are checked as soon as the rate of checks allows.
insert into assistant_health (assistant_id, user_id, generation, provider, verdict, legs, is_steady, announced, mailed,
                              next_telegram_check_at, next_model_check_at)
select id, user_id, generation, coalesce(provider, 'openrouter'), 'unknown',
       '{"worker":{"code":"not_checked","since":null,"checked_at":null},"telegram":{"code":"not_checked","since":null,"checked_at":null},"model":{"code":"not_checked","since":null,"checked_at":null}}',
       false, 'ok', 'ok', updated_at, updated_at
from assistants where status = 'active' and generation is not null;
