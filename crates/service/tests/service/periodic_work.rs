//! No statement that runs periodically goes through a table that grows with the number of assistants.
//!
//! This explains each statement that the periodic work has run on SQLite. PostgreSQL plans by values and numbers of rows; on it,
//! `cargo xtask soak --assistants` counts the rows that were read without an index.

use reef_domain::ids::AssistantId;
use reef_ports::WebhookEndpoint;
use reef_service::testing::{START, TestServices};
use reef_store::testing::{Population, TestStore};
use reef_store::{Database, Store};
use sqlx::AssertSqlSafe;

use crate::support::{HOUR, raw};

const ASSISTANTS: u64 = 1_000;
/// What SQLite may go through: tables with a few rows, indexes of open work, and subqueries of those.
const SMALL: [&str; 15] = [
    "assistants_credit_refused",
    "bot_updates_open",
    "catalogs",
    "chats",
    "due_jobs",
    "jobs_due",
    "json_each",
    "newest",
    "oldest",
    "payment_checks_over",
    "polar_inbox_open",
    "polar_state",
    "replaced_configurations",
    "timers",
    "workers_polling",
];
/// Statements that go through a table and need not go far: the first reads a single row, and the second deletes nearly all rows of
/// a table whose rows live for a minute.
const EXEMPT: [&str; 2] =
    ["select hash from managed_keys limit 1", "delete from request_counts where window_ends_at <= $1"];

/// Services on a filled database, with something to do for each part of the periodic work.
async fn populated(db: TestStore) -> TestServices {
    let t = TestServices::new(db);
    t.db.store
        .insert_population(Population { assistants: ASSISTANTS, now: START })
        .await
        .expect("it should succeed");
    // While Polar sends no webhooks, all payments are checked again, and gone through for that.
    let url = format!("{}/webhooks/polar", t.services.config().public_url);
    t.payments.set_endpoints(vec![WebhookEndpoint { url, enabled: true }]);
    let me = t.create_user().await;
    let (refused, _): (AssistantId, AssistantId) = (t.create_active(&me).await, t.create_unpaid(&me).await);
    raw(&t, "update assistants set credit_refused_at = created_at where id = $1", refused).await;
    t.clock.advance(HOUR);
    t
}

/// Runs everything that is done periodically once.
async fn run_periodic_work(t: &TestServices) {
    t.services.fail_overdue_deployments().await.expect("it should succeed");
    t.services.fail_missing_workers_of(10).await.expect("it should succeed");
    t.services.record_credit_refusals().await.expect("it should succeed");
    t.services.enqueue_periodic_jobs().await.expect("it should succeed");
    t.services.check_endpoint_if_due().await.expect("it should succeed");
    assert!(
        t.services.reconcile_due().await.expect("it should succeed") > 0,
        "a payment check should be due"
    );
    t.services.prune().await.expect("it should succeed");
    t.run_jobs().await;
    // What the embedded worker host does, and how the runner finds out when the next job is due.
    let (now, mut tx) = (t.services.now(), t.db.store.read().await.expect("it should succeed"));
    tx.list_next_job_times(now).await.expect("it should succeed");
    tx.list_due_chats(now, 256).await.expect("it should succeed");
    tx.find_next_retry_at(now).await.expect("it should succeed");
    tx.list_unpolled_workers(now, 50).await.expect("it should succeed");
    tx.list_worker_generations(&["openclaw-1"]).await.expect("it should succeed");
}

/// The recorded statements that SQLite runs by going through something that is not small.
async fn list_scans(store: &Store) -> Vec<String> {
    let Database::Sqlite { read, .. } = store.database() else { panic!("not SQLite") };
    let statements = store.recorded_statements();
    assert!(statements.len() > 40, "only {} statements were recorded", statements.len());
    let mut scans = Vec::new();
    for statement in statements.iter().filter(|statement| !EXEMPT.contains(&statement.sql)) {
        let explain = AssertSqlSafe(format!("explain query plan {}", statement.sql));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(explain).fetch_all(read).await.expect("it should succeed");
        // What a subquery reads has lines of its own.
        let is_small = |line: &str| {
            line.starts_with("SCAN (subquery") || line.split(' ').any(|word| SMALL.contains(&word))
        };
        let lines = plan.into_iter().map(|(_, _, _, line)| line);
        let of_statement = lines.filter(|line| line.starts_with("SCAN ") && !is_small(line));
        scans.extend(of_statement.map(|line| format!("{line}\n  {}", statement.sql)));
    }
    scans
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_runs_periodic_statements_by_indexes() {
    let t = populated(TestStore::sqlite().await).await;
    t.db.store.record_statements();
    run_periodic_work(&t).await;
    let scans = list_scans(&t.db.store).await;
    assert!(scans.is_empty(), "{}", scans.join("\n"));
    // A scan would be noticed.
    t.db.store
        .read()
        .await
        .expect("it should succeed")
        .count_assistants_by_status()
        .await
        .expect("it should succeed");
    assert_eq!(list_scans(&t.db.store).await.len(), 1);
}
