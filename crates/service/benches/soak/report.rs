//! What the soak prints, and what it fails for.

use std::collections::BTreeMap;
use std::time::Duration;

use reef_store::testing::TestStore;
use reef_store::{Database, StatementStats, Store};
use sqlx::AssertSqlSafe;

use crate::Options;

/// The time between two steps, which is that between two checks of workers and shorter than most other periods.
pub(crate) const STEP: Duration = Duration::from_secs(15);
/// Tables that the work of a day adds rows to.
const TABLES: [&str; 11] = [
    "assistants",
    "bot_updates",
    "deliveries",
    "events",
    "jobs",
    "managed_keys",
    "payment_checks",
    "polar_inbox",
    "receipts",
    "revocations",
    "tombstones",
];
/// Those of them whose rows stay, as many as something has happened.
const KEPT: [&str; 1] = ["events"];
/// As many workers are checked in a round.
const WORKERS_BATCH: u64 = 20_000;
/// The payment checks that the rate allows in an hour, and the share of it that is used if more are due.
const CHECKS_PER_HOUR: u64 = 1_200;
const BUDGET_USED_PERCENT: u64 = 95;
/// How long a payment check may be overdue as long as the rate allows all of them.
const CHECK_LAG_MAX: Duration = Duration::from_secs(15 * 60);

/// What has been measured.
pub(crate) struct Played {
    pub options: Options,
    /// How long the fill and the play have really taken.
    pub fill: Duration,
    pub play: Duration,
    pub statements: Vec<StatementStats>,
    /// The real time that each kind of work has taken: all together, and the longest.
    pub work: BTreeMap<&'static str, (Duration, Duration)>,
    /// The longest simulated time until the failure of a vanished worker was noticed, and how many were not.
    pub worker_lag: Duration,
    pub workers_unnoticed: usize,
    pub vanished: usize,
    /// The longest simulated time for which a payment check was overdue, and how many ran.
    pub check_lag: Duration,
    pub checks: u64,
    pub jobs: usize,
    pub jobs_left: (i64, i64),
    pub webhooks: u64,
    pub callbacks: usize,
    pub rows_before: Vec<(String, i64)>,
    pub rows_after: Vec<(String, i64)>,
    pub read_without_index: Vec<(String, i64)>,
}

/// How long it may take until a vanished worker is noticed: a round for each batch, one that was running, and one to fail it.
pub(crate) fn worker_bound(options: Options) -> Duration {
    let rounds = (options.assistants * 8 / 10).div_ceil(WORKERS_BATCH) + 2;
    STEP * u32::try_from(rounds).unwrap_or(u32::MAX)
}

/// The number of rows of each table.
pub(crate) async fn rows(store: &Store) -> Vec<(String, i64)> {
    let mut all = Vec::new();
    for table in TABLES {
        let sql = AssertSqlSafe(format!("select count(*) from {table}"));
        let (count,): (i64,) = match store.database() {
            Database::Sqlite { read, .. } => sqlx::query_as(sql).fetch_one(read).await,
            Database::Postgres(pool) => sqlx::query_as(sql).fetch_one(pool).await,
        }
        .expect("rows should be counted");
        all.push((table.to_owned(), count));
    }
    all
}

/// The rows that PostgreSQL has read without an index, by table. A connection reports them at the latest after a minute.
pub(crate) async fn read_without_index(db: &TestStore) -> Vec<(String, i64)> {
    let (Database::Postgres(pool), Some(schema)) = (db.store.database(), db.schema()) else {
        return Vec::new();
    };
    let sql = "select relname::text, seq_tup_read from pg_stat_user_tables
               where schemaname = $1 and seq_tup_read > 0 order by seq_tup_read desc limit 12";
    sqlx::query_as(sql).bind(schema).fetch_all(pool).await.expect("the statistics should be read")
}

/// Prints what was measured. Returns what is wrong with it.
pub(crate) fn print(played: &Played) -> Vec<String> {
    let Played { options, play, .. } = played;
    let hours = options.hours;
    println!(
        "soak: {} assistants, {hours} h in {:.0} s ({:.2} % of the time), filled in {:.0} s",
        options.assistants,
        play.as_secs_f32(),
        play.as_secs_f32() / (36.0 * u16::try_from(hours).map_or(f32::MAX, f32::from)),
        played.fill.as_secs_f32(),
    );
    println!(
        "soak: {} renewals, {} callbacks, {} jobs, {} payment checks, longest overdue {} s; {} workers vanished, noticed after at most {} s",
        played.webhooks,
        played.callbacks,
        played.jobs,
        played.checks,
        played.check_lag.as_secs(),
        played.vanished,
        played.worker_lag.as_secs(),
    );
    println!("work: total s, longest ms");
    for (name, (total, longest)) in &played.work {
        println!("  {name}: {:.1}, {:.1}", total.as_secs_f32(), longest.as_secs_f32() * 1e3);
    }
    println!("statements: count, total s, longest ms");
    for statement in played.statements.iter().take(12) {
        let words: Vec<_> = statement.sql.split_whitespace().take(14).collect();
        println!(
            "  {}, {:.1}, {:.1}: {}",
            statement.count,
            statement.total.as_secs_f32(),
            statement.longest.as_secs_f32() * 1e3,
            words.join(" "),
        );
    }
    println!("rows: before, after");
    for ((table, before), (_, after)) in played.rows_before.iter().zip(&played.rows_after) {
        println!("  {table}: {before}, {after}");
    }
    for (table, count) in &played.read_without_index {
        println!("rows read without an index: {table} {count}");
    }
    list_problems(played)
}

fn list_problems(played: &Played) -> Vec<String> {
    let options = played.options;
    let mut problems = Vec::new();
    let bound = worker_bound(options);
    if played.worker_lag > bound || played.workers_unnoticed > 0 {
        problems.push(format!(
            "{} vanished workers were not noticed, the others after up to {} s instead of {} s",
            played.workers_unnoticed,
            played.worker_lag.as_secs(),
            bound.as_secs()
        ));
    }
    if played.callbacks + 2 < played.vanished {
        problems.push(format!("{} of {} callbacks were delivered", played.callbacks, played.vanished));
    }
    let allowed = options.hours * CHECKS_PER_HOUR;
    let is_used_up = played.checks * 100 >= allowed * BUDGET_USED_PERCENT;
    if played.check_lag > CHECK_LAG_MAX && !is_used_up {
        problems.push(format!(
            "payment checks are overdue by {} s, and {} of {allowed} were made",
            played.check_lag.as_secs(),
            played.checks
        ));
    }
    if played.jobs_left.1 > 0 {
        problems.push(format!("{} jobs are dead", played.jobs_left.1));
    }
    for ((table, before), (_, after)) in played.rows_before.iter().zip(&played.rows_after) {
        if !KEPT.contains(&table.as_str()) && *after > before + before / 10 + 100 {
            problems.push(format!("{table} has grown from {before} to {after} rows"));
        }
    }
    if played.vanished == 0 && options.assistants >= 1_000 {
        problems.push("no worker has vanished, so that none could be noticed".to_owned());
    }
    problems
}
