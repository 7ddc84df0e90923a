//! Rows as an installation has them that has run for months, for the tests of plans and for the soak.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{Database, Store, StoreError};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Every id begins with this, followed by the number of its table.
const ID_PREFIX: u128 = 0x0198_0000_0000_7000_8000 << 48;

/// How many assistants there are, and the rows that they have left behind until `now`.
///
/// Of a hundred assistants 80 are active and the others stopped, failed, unpaid, and paid without having been activated.
/// The history of each table is spread over the time for which it is kept, so that each pruning finds its share.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    /// The number of assistants. The numbers of them begin with 1.
    pub assistants: u64,
    /// The time up to which there is a history.
    pub now: Timestamp,
}

impl Population {
    /// The id of an assistant by its number.
    #[must_use]
    pub fn assistant_id(number: u64) -> AssistantId {
        AssistantId::new(Uuid::from_u128(ID_PREFIX | u128::from(number)))
    }

    /// The number of an assistant by its id; `None` for one that is not part of a population.
    #[must_use]
    pub fn number_of(id: AssistantId) -> Option<u64> {
        let id = id.uuid().as_u128();
        (id & !0xffff_ffff_ffff == ID_PREFIX).then_some(u64::try_from(id & 0xffff_ffff_ffff).ok()?)
    }

    /// Whether the assistant with this number is active at first.
    #[must_use]
    pub const fn is_active(number: u64) -> bool {
        number % 100 < 80
    }

    /// Whether the assistant with this number has a live subscription at first.
    #[must_use]
    pub const fn is_subscribed(number: u64) -> bool {
        !matches!(number % 100, 90..95)
    }
}

/// SQL of one of the databases.
#[derive(Clone, Copy)]
struct Dialect {
    is_sqlite: bool,
}

impl Dialect {
    /// Rows with the numbers from 1 on in the column `i`.
    fn numbers(self, count: u64) -> String {
        if self.is_sqlite {
            format!("with recursive n(i) as (select 1 union all select i + 1 from n where i < {count})")
        } else {
            format!("with n(i) as (select generate_series(1::bigint, {count}))")
        }
    }

    /// The id of the row with a number in the table with another number.
    fn id(self, table: u16, number: &str) -> String {
        if self.is_sqlite {
            format!("unhex(printf('01980000{table:04x}70008000%012x', {number}))")
        } else {
            format!("('01980000{table:04x}70008000' || lpad(to_hex({number}), 12, '0'))::uuid")
        }
    }

    fn time(self, unix_ms: &str) -> String {
        if self.is_sqlite { format!("({unix_ms})") } else { format!("to_timestamp(({unix_ms}) / 1000.0)") }
    }

    const fn no(self) -> &'static str {
        if self.is_sqlite { "0" } else { "false" }
    }

    const fn byte(self) -> &'static str {
        if self.is_sqlite { "x'00'" } else { "'\\x00'::bytea" }
    }
}

/// The statements that insert a population.
struct Rows {
    population: Population,
    dialect: Dialect,
}

impl Rows {
    /// A time in the last `kept`, later for a higher `i` of `count`.
    fn spread(&self, kept: Duration, count: u64) -> String {
        let (now, kept) = (self.population.now.unix_ms(), kept.as_millis());
        self.dialect.time(&format!("{now} - {kept} + i * {kept} / {count}"))
    }

    fn at(&self, offset_ms: &str) -> String {
        self.dialect.time(&format!("{} + {offset_ms}", self.population.now.unix_ms()))
    }

    fn insert(&self, count: u64, into: &str, values: &str) -> String {
        let filter = if into.starts_with("workers") { " where i % 100 < 80" } else { "" };
        format!("insert into {into} {} select {values} from n{filter}", self.dialect.numbers(count))
    }

    fn all(&self) -> Vec<String> {
        let (d, n) = (self.dialect, self.population.assistants);
        let tenth = n.div_ceil(10);
        let (no, byte) = (d.no(), d.byte());
        let (assistant, user) = (d.id(0, "i"), d.id(1, "i / 2 + 1"));
        let (created, month) = (self.spread(90 * DAY, n), self.spread(30 * DAY, n));
        let of_tenth = |kept| self.spread(kept, tenth);
        vec![
            self.insert(
                n / 2 + 1,
                "users (id, email, password_hash, signing_secret, created_at)",
                &format!("{}, 'user' || i || '@soak.example', '', {byte}, {}", d.id(1, "i"), self.at("0")),
            ),
            self.insert(
                n,
                "assistants (id, user_id, plan, status, worker_name, generation, worker_url, failure_code,
                     payment_status, subscription_id, current_period_end, name, provider, model_id, sequence, version,
                     created_at, updated_at)",
                &format!(
                    "{assistant}, {user}, 'byok', case when i % 100 < 80 then 'active' when i % 100 < 85 then 'stopped'
                         when i % 100 < 90 then 'failed' when i % 100 < 95 then 'pending_payment' else 'purchased' end,
                     case when i % 100 < 90 then 'openclaw-' || i end, case when i % 100 < 90 then 1 end,
                     case when i % 100 < 80 then 'https://workers.test/' || i end,
                     case when i % 100 >= 85 and i % 100 < 90 then 'HEALTH_CHECK_FAILED' end,
                     case when i % 100 >= 90 and i % 100 < 95 then 'pending' else 'paid' end,
                     case when i % 100 >= 90 and i % 100 < 95 then null else 'sub_' || i end,
                     case when i % 100 >= 90 and i % 100 < 95 then null else {} end,
                     case when i % 100 < 90 then 'Assistant ' || i end, case when i % 100 < 90 then 'anthropic' end,
                     case when i % 100 < 90 then 'claude-sonnet-5' end, 3, 3, {created}, {created}",
                    self.at(&format!("i * {} / {n}", (30 * DAY).as_millis())),
                ),
            ),
            self.insert(
                n,
                "workers (worker_name, assistant_id, generation, settings, polling, poll_offset, started_at)",
                &format!("'openclaw-' || i, {assistant}, 1, {byte}, {no}, 0, {created}"),
            ),
            self.insert(
                n,
                "payment_checks (assistant_id, user_id, next_check_at, last_checked_at, check_count, expedite_count,
                     ordered_at)",
                &format!(
                    "{assistant}, {user}, case when i % 100 >= 90 and i % 100 < 95 then null else {} end, {}, 0, 0,
                     {created}",
                    self.at("i * 7919 % 28800000"),
                    self.at("i * 7919 % 28800000 - 28800000"),
                ),
            ),
            self.insert(
                n,
                "deliveries (id, assistant_id, user_id, sequence, url, payload, kind, state, attempts, created_at,
                     finished_at)",
                &format!(
                    "{}, {assistant}, {user}, 3, 'https://callbacks.example.com', '{{}}', 'assistant.status_changed',
                     'delivered', 1, {month}, {month}",
                    d.id(2, "i"),
                ),
            ),
            self.insert(
                n,
                "bot_updates (id, assistant_id, bot_id, update_id, chat_id, body, sent_parts, attempts, received_at,
                     done_at)",
                &format!("{}, {assistant}, 1, i, i, '', 1, 1, {1}, {1}", d.id(3, "i"), self.spread(2 * DAY, n)),
            ),
            self.insert(
                n,
                "events (id, assistant_id, user_id, sequence, kind, status, created_at)",
                &format!(
                    "{}, {assistant}, {user}, 3, 'assistant.status_changed', 'active', {created}",
                    d.id(4, "i")
                ),
            ),
            // Tombstones and the events of deleted assistants.
            self.insert(
                tenth,
                "tombstones (assistant_id, user_id, deleted_at)",
                &format!("{}, {user}, {}", d.id(5, "i"), of_tenth(90 * DAY)),
            ),
            self.insert(
                tenth,
                "events (id, assistant_id, user_id, sequence, kind, status, created_at)",
                &format!(
                    "{}, {}, {user}, 4, 'assistant.deleted', 'stopped', {}",
                    d.id(6, "i"),
                    d.id(5, "i"),
                    of_tenth(90 * DAY)
                ),
            ),
            self.insert(
                tenth,
                "receipts (assistant_id, user_id, name, plan, status, had_bot_token, had_model_key, payment_status,
                     deleted_at)",
                &format!(
                    "{}, {user}, 'Assistant', 'byok', 'stopped', {no}, {no}, 'canceled', {}",
                    d.id(5, "i"),
                    of_tenth(90 * DAY)
                ),
            ),
            self.insert(
                tenth,
                "revocations (subscription_id, assistant_id, reason, requested_at, confirmed_at)",
                &format!("'ended_' || i, {}, 'deleted', {1}, {1}", d.id(5, "i"), of_tenth(90 * DAY)),
            ),
            self.insert(
                tenth,
                "polar_inbox (webhook_id, body, received_at, processed_at)",
                &format!("'known_' || i, '{{}}', {0}, {0}", of_tenth(30 * DAY)),
            ),
            self.insert(
                tenth,
                "mails (id, user_id, kind, created_at, sent_at)",
                &format!("{}, {user}, 'assistant_failed', {1}, {1}", d.id(7, "i"), of_tenth(30 * DAY)),
            ),
            self.insert(
                tenth,
                "api_keys (id, user_id, name, hash, prefix, can_read, can_write, created_at, revoked_at)",
                &format!(
                    "{}, {user}, 'key', {}, 'reef', {no}, {no}, {2}, case when i % 2 = 0 then {2} end",
                    d.id(8, "i"),
                    if d.is_sqlite { d.id(8, "i") } else { format!("uuid_send({})", d.id(8, "i")) },
                    of_tenth(30 * DAY),
                ),
            ),
            self.insert(
                tenth,
                "sessions (id, user_id, data, created_at, expires_at)",
                &format!("'session' || i, {user}, '', {}, {}", self.at("0"), self.at("i * 1000 + 86400000")),
            ),
        ]
    }
}

impl Store {
    /// Inserts a population into an empty database, and lets PostgreSQL count its rows.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_population(&self, population: Population) -> Result<(), StoreError> {
        let dialect = Dialect { is_sqlite: matches!(self.database(), Database::Sqlite { .. }) };
        let mut statements = Rows { population, dialect }.all();
        if !dialect.is_sqlite {
            statements.push("analyze".to_owned());
        }
        for statement in statements {
            // The statements consist of numbers and of the constants above.
            let statement = AssertSqlSafe(statement);
            match self.database() {
                Database::Sqlite { write, .. } => {
                    sqlx::query(statement).execute(write).await?;
                }
                Database::Postgres(pool) => {
                    sqlx::query(statement).execute(pool).await?;
                }
            }
        }
        Ok(())
    }
}
