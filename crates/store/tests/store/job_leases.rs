use std::collections::HashSet;
use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::JobId;
use reef_store::testing::TestStore;
use reef_store::{NewJob, Store, on_both_databases};

use crate::jobs::{claim, job};
use crate::support::{NOW, at, raw, raw_rows, uuid};

async fn enqueue(store: &Store, jobs: &[NewJob]) {
    let mut tx = store.begin().await.expect("begin should succeed");
    for job in jobs {
        tx.enqueue(job, NOW).await.expect("enqueue should succeed");
    }
    tx.commit().await.expect("commit should succeed");
}

/// Claims three jobs per transaction until none is left.
async fn claim_all(store: Store) -> Vec<JobId> {
    let mut mine = Vec::new();
    loop {
        let mut tx = store.begin().await.expect("begin should succeed");
        let rows = tx.claim_jobs("deploy", uuid(), NOW, at(1000), 3).await.expect("claim should succeed");
        tx.commit().await.expect("commit should succeed");
        assert!(rows.len() <= 3);
        if rows.is_empty() {
            return mine;
        }
        mine.extend(rows.into_iter().map(|row| row.id));
    }
}

on_both_databases! {
    async fn concurrent_claims_share_out_all_jobs(db: TestStore) {
        let jobs: Vec<_> = (0..90).map(|_| job("deploy", None)).collect();
        enqueue(&db.store, &jobs).await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            tasks.spawn(claim_all(db.store.clone()));
        }
        let claimed: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(claimed.len(), jobs.len());
        assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), jobs.iter().map(|job| job.id).collect());
    }

    async fn leased_job_is_claimed_again_after_lease_lapses(db: TestStore) {
        let (holder, rival) = (uuid(), uuid());
        enqueue(&db.store, &[job("deploy", None)]).await;
        let mut tx = db.store.begin().await.unwrap();
        let first = claim(&mut tx, holder, NOW).await.unwrap();
        assert_eq!(claim(&mut tx, rival, at(99)).await, None);
        let second = claim(&mut tx, rival, at(100)).await.unwrap();
        assert_eq!((second.id, second.attempts), (first.id, 2));
    }

    async fn renewed_lease_lasts_longer(db: TestStore) {
        let (holder, rival) = (uuid(), uuid());
        enqueue(&db.store, &[job("deploy", None)]).await;
        let mut tx = db.store.begin().await.unwrap();
        let row = claim(&mut tx, holder, NOW).await.unwrap();
        assert!(!tx.renew_job_lease(row.id, rival, at(500)).await.unwrap());
        assert!(tx.renew_job_lease(row.id, holder, at(200)).await.unwrap());
        assert_eq!(claim(&mut tx, rival, at(199)).await, None);
        assert!(claim(&mut tx, rival, at(200)).await.is_some());
        assert!(!tx.renew_job_lease(row.id, holder, at(900)).await.unwrap());
        assert!(!tx.renew_job_lease(JobId::new(uuid()), holder, at(900)).await.unwrap());
    }

    async fn writes_without_lease_change_nothing(db: TestStore) {
        let (holder, rival) = (uuid(), uuid());
        enqueue(&db.store, &[job("deploy", None)]).await;
        let mut tx = db.store.begin().await.unwrap();
        claim(&mut tx, holder, NOW).await.unwrap();
        let row = claim(&mut tx, rival, at(100)).await.unwrap();
        tx.finish_job(row.id, holder).await.unwrap();
        tx.retry_job(row.id, holder, at(0), None).await.unwrap();
        tx.release_job(row.id, holder).await.unwrap();
        tx.mark_job_dead(row.id, holder, "late", at(101)).await.unwrap();
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (1, 0));
        assert_eq!(claim(&mut tx, uuid(), at(150)).await, None);
        // The new holder can finish it.
        tx.finish_job(row.id, rival).await.unwrap();
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (0, 0));
    }

    async fn retried_job_waits_and_counts_attempts(db: TestStore) {
        let token = uuid();
        enqueue(&db.store, &[job("deploy", None)]).await;
        let mut tx = db.store.begin().await.unwrap();
        let row = claim(&mut tx, token, NOW).await.unwrap();
        tx.retry_job(row.id, token, at(10), Some("answered 503")).await.unwrap();
        assert_eq!(claim(&mut tx, token, at(9)).await, None);
        assert_eq!(claim(&mut tx, token, at(10)).await.map(|row| row.attempts), Some(2));
        tx.commit().await.unwrap();
        let errors = raw_rows!(db, (Option<String>,), "select last_error from jobs");
        assert_eq!(errors, [(Some("answered 503".to_owned()),)]);
    }

    async fn released_job_counts_no_attempt(db: TestStore) {
        let token = uuid();
        enqueue(&db.store, &[job("deploy", None)]).await;
        let mut tx = db.store.begin().await.unwrap();
        for _ in 0..3 {
            let row = claim(&mut tx, token, NOW).await.unwrap();
            assert_eq!(row.attempts, 1);
            tx.release_job(row.id, token).await.unwrap();
        }
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (1, 0));
    }

    async fn open_jobs_are_listed_by_kind_with_age_and_attempts(db: TestStore) {
        enqueue(&db.store, &[job("deploy", None), job("callback", None), job("deploy", None)]).await;
        let mut tx = db.store.begin().await.unwrap();
        assert!(claim(&mut tx, uuid(), NOW).await.is_some());
        let open = tx.list_open_jobs().await.unwrap();
        let open: Vec<_> = open.iter().map(|o| (o.kind.as_str(), o.count, o.oldest, o.attempts)).collect();
        assert_eq!(open, [("callback", 1, NOW, 0), ("deploy", 2, NOW, 1)]);
    }

    async fn dead_job_stays_visible_and_is_never_claimed(db: TestStore) {
        let token = uuid();
        enqueue(&db.store, &[job("deploy", None), job("callback", None)]).await;
        let mut tx = db.store.begin().await.unwrap();
        let row = claim(&mut tx, token, NOW).await.unwrap();
        tx.mark_job_dead(row.id, token, "hopeless", at(5)).await.unwrap();
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (1, 1));
        assert_eq!(claim(&mut tx, token, at(1_000_000)).await, None);
        assert_eq!(tx.list_next_job_times(NOW).await.unwrap(), [("callback".to_owned(), NOW)]);
        tx.commit().await.unwrap();
        let dead = raw_rows!(
            db,
            (JobId, Option<Timestamp>, Option<String>),
            "select id, dead_at, last_error from jobs where kind = 'deploy'",
        );
        assert_eq!(dead, [(row.id, Some(at(5)), Some("hopeless".to_owned()))]);
    }

    async fn next_job_times_are_listed_by_kind(db: TestStore) {
        let later = |kind, ms| NewJob { run_at: at(ms), ..job(kind, None) };
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.list_next_job_times(NOW).await.unwrap(), []);
        tx.commit().await.unwrap();
        enqueue(&db.store, &[later("deploy", 5), later("deploy", 0), later("callback", 70)]).await;
        let mut tx = db.store.begin().await.unwrap();
        for (claimed, now, expected) in [(false, 0, 0), (true, 0, 5)] {
            if claimed {
                assert!(claim(&mut tx, uuid(), NOW).await.is_some());
            }
            let mut next = tx.list_next_job_times(at(now)).await.unwrap();
            next.sort();
            assert_eq!(next, [("callback".to_owned(), at(70)), ("deploy".to_owned(), at(expected))]);
        }
        // While all are leased, the next job is due when the first lease ends.
        assert!(claim(&mut tx, uuid(), at(6)).await.is_some());
        let deploy = |next: Vec<(String, Timestamp)>| next.into_iter().find(|(kind, _)| kind == "deploy");
        assert_eq!(deploy(tx.list_next_job_times(at(7)).await.unwrap()).unwrap().1, at(100));
        assert_eq!(deploy(tx.list_next_job_times(at(100)).await.unwrap()).unwrap().1, NOW);
    }

    async fn leases_of_earlier_process_are_released(db: TestStore) {
        enqueue(&db.store, &[job("deploy", None), job("deploy", None), job("deploy", None)]).await;
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.claim_jobs("deploy", uuid(), NOW, at(1_000_000), 2).await.unwrap().len(), 2);
        assert_eq!(tx.release_job_leases().await.unwrap(), 2);
        assert_eq!(tx.release_job_leases().await.unwrap(), 0);
        assert_eq!(tx.claim_jobs("deploy", uuid(), NOW, at(100), 10).await.unwrap().len(), 3);
    }

    async fn enqueue_while_run_ends_causes_another_run(db: TestStore) {
        for round in 0..10 {
            let token = uuid();
            enqueue(&db.store, &[job("deploy", Some("d:1"))]).await;
            let mut tx = db.store.begin().await.unwrap();
            let row = claim(&mut tx, token, NOW).await.unwrap();
            tx.commit().await.unwrap();
            let (store, repeated) = (db.store.clone(), job("deploy", Some("d:1")));
            let enqueuing = tokio::spawn(async move { enqueue(&store, &[repeated]).await });
            let store = db.store.clone();
            let end = tokio::spawn(async move {
                let mut tx = store.begin().await.unwrap();
                tx.finish_job(row.id, token).await.unwrap();
                tx.commit().await.unwrap();
            });
            enqueuing.await.unwrap();
            end.await.unwrap();
            // Exactly one run follows, whichever of the two came first.
            let mut tx = db.store.begin().await.unwrap();
            assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (1, 0), "round {round}");
            let again = claim(&mut tx, token, NOW).await.unwrap();
            tx.finish_job(again.id, token).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
}

/// Only on PostgreSQL: SQLite has one writer, and a second one waits in `begin`.
#[tokio::test]
async fn postgres_claim_does_not_wait_for_other_transaction() {
    let db = TestStore::postgres().await;
    enqueue(&db.store, &[job("deploy", None), job("deploy", None)]).await;
    let mut first = db.store.begin().await.unwrap();
    let mut second = db.store.begin().await.unwrap();
    let claimed = claim(&mut first, uuid(), NOW).await.unwrap();
    let other = tokio::time::timeout(Duration::from_secs(5), claim(&mut second, uuid(), NOW));
    let other = other.await.expect("second claim should not wait").unwrap();
    assert_ne!(claimed.id, other.id);
    assert_eq!(claim(&mut second, uuid(), NOW).await, None);
    // A claim that was rolled back leaves the job due.
    drop(first);
    let mut third = db.store.begin().await.unwrap();
    let again = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let Some(row) = claim(&mut third, uuid(), NOW).await {
                return row;
            }
        }
    });
    assert_eq!(again.await.expect("job should be due again").id, claimed.id);
}

/// With outdated statistics the planner expects one row and chooses a nested loop.
#[tokio::test]
async fn postgres_claim_keeps_limit_with_outdated_statistics() {
    let db = TestStore::postgres().await;
    enqueue(&db.store, &[job("deploy", None)]).await;
    raw!(db, "analyze jobs");
    let more: Vec<_> = (0..20).map(|_| job("deploy", None)).collect();
    enqueue(&db.store, &more).await;
    let mut tx = db.store.begin().await.unwrap();
    assert_eq!(tx.claim_jobs("deploy", uuid(), NOW, at(100), 1).await.unwrap().len(), 1);
}
