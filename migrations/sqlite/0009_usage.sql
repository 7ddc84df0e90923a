-- Every call of a model, and what it has cost.
create table model_calls (
    id                  blob primary key,
    assistant_id        blob not null references assistants (id) on delete cascade,
    source              text not null,  -- chat, api
    person_id           blob,             -- null if the person is not known, or was erased
    chat_id             integer,             -- null for the API, and once the person was erased
    thread_id           integer,
    kind                text not null,  -- answer, step, summary
    model               text not null,
    input_tokens        integer not null,
    output_tokens       integer not null,
    cached_input_tokens integer not null,    -- those of the input_tokens that came from the provider's cache
    cost_micro_usd      integer,             -- null if the price is not known
    created_at          integer not null
) strict;
create index model_calls_time on model_calls (assistant_id, created_at);
create index model_calls_created on model_calls (created_at);
create index model_calls_person on model_calls (person_id) where person_id is not null;

-- What calls that are under way may cost at most. That of a call whose process was killed stays: it may have been made.
create table call_reservations (
    id           blob primary key,
    assistant_id blob not null references assistants (id) on delete cascade,
    micro_usd    integer not null,
    created_at   integer not null
) strict;
create index call_reservations_created on call_reservations (created_at);
create index call_reservations_time on call_reservations (assistant_id, created_at);

-- Which shares of which allowances were reached and announced.
create table allowance_notices (
    assistant_id blob not null references assistants (id) on delete cascade,
    period       text not null,  -- day, month
    starts_on    text not null,  -- the first day of the period
    share        text not null,  -- 0.8, 1
    created_at   integer not null,
    primary key (assistant_id, period, starts_on, share)
) strict;
create index allowance_notices_created on allowance_notices (created_at);
