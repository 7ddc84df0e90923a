use std::time::Duration;

use reef_domain::wire::Status::{Active, Deploying};
use reef_service::jobs::runner;
use reef_service::testing::{Behavior, TestServices};
use reef_store::on_both_databases;
use reef_store::testing::TestStore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::support::{SECOND, times_active};

/// Long enough for any machine; what the tests wait for takes milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);

on_both_databases! {
    async fn job_panic_is_contained_and_retried(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.activate(&me, id).await.unwrap();
        t.models.script.on("check", 2, Behavior::Panic);
        t.run_jobs().await;
        assert_eq!((t.status(&me, id).await, t.count_jobs().await.1), (Deploying, 0));
        t.advance_and_run(SECOND).await;
        assert_eq!(t.status(&me, id).await, Deploying);
        t.advance_and_run(SECOND).await;
        assert_eq!((t.status(&me, id).await, times_active(&t, id).await), (Active, 1));
        t.finish().await;
    }

    async fn lost_lease_stops_job_and_another_process_continues(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.activate(&me, id).await.unwrap();
        let gate = t.workers.script.hold("health");
        let slow = runner(t.services.clone());
        let slow = tokio::spawn(async move { slow.run_due().await });
        gate.reached().await;
        // The slow one was away for longer than its lease.
        t.advance_and_run(11 * SECOND).await;
        assert_eq!(t.status(&me, id).await, Active);
        timeout(TIMEOUT, slow).await.expect("the lost lease should be noticed").unwrap().unwrap();
        assert_eq!((times_active(&t, id).await, t.workers.running().len()), (1, 1));
        t.finish().await;
    }

    async fn new_job_starts_at_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        let (runner, stop) = (runner(t.services.clone()), CancellationToken::new());
        let stopped = stop.clone();
        let process = tokio::spawn(async move { runner.run(stopped).await });
        let mut changes = t.services.event_bus().subscribe(me.user_id, Some(id));
        let began = Instant::now();
        t.activate(&me, id).await.unwrap();
        timeout(TIMEOUT, async {
            while t.status(&me, id).await != Active {
                changes.changed().await;
            }
        })
        .await
        .expect("the assistant should become active");
        // Polling would have taken a second for each step.
        assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
        timeout(TIMEOUT, async {
            while t.count_jobs().await != (0, 0) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("the callbacks are delivered");
        stop.cancel();
        process.await.unwrap();
        t.finish().await;
    }

    async fn unknown_job_is_marked_dead(db: TestStore) {
        let t = TestServices::new(db);
        let job = reef_store::NewJob {
            id: reef_domain::ids::JobId::new(t.services.new_uuid()),
            kind: "deploy",
            dedup_key: None,
            payload: serde_json::json!({"kind": "deploy", "from": "the future"}),
            run_at: t.services.now(),
            traceparent: None,
            concurrency_key: None,
        };
        let mut tx = t.db.store.begin().await.unwrap();
        tx.enqueue(&job, t.services.now()).await.unwrap();
        tx.commit().await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.count_jobs().await, (0, 1));
    }

    async fn prune_keeps_visible_rows(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (kept, gone) = (t.create_active(&me).await, t.create_active(&me).await);
        crate::support::delete(&t, &me, gone).await.unwrap();
        t.advance_and_run(Duration::from_secs(91 * 24 * 3600)).await;
        t.services.prune().await.unwrap();
        assert_eq!(t.events(kept).await.len(), 3);
        assert!(t.events(gone).await.is_empty());
        assert_eq!(t.status(&me, kept).await, Active);
        t.finish().await;
    }
}

// These tests wait in real time and do not depend on the database, so they run on SQLite only.

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_releases_unfinished_jobs() {
    let t = TestServices::new(TestStore::sqlite().await);
    let me = t.create_user().await;
    let id = t.create_paid(&me).await;
    t.activate(&me, id).await.unwrap();
    let gate = t.workers.script.hold("start");
    let (runner, stop) = (runner(t.services.clone()), CancellationToken::new());
    let stopped = stop.clone();
    let process = tokio::spawn(async move { runner.run(stopped).await });
    gate.reached().await;
    stop.cancel();
    timeout(Duration::from_secs(20), process).await.expect("the process should stop").unwrap();
    // The job is released at once, without waiting for its lease.
    t.run_jobs().await;
    assert_eq!((t.status(&me, id).await, times_active(&t, id).await), (Active, 1));
    t.finish().await;
}
