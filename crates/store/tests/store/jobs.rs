use reef_domain::Timestamp;
use reef_domain::ids::JobId;
use reef_store::{JobRow, NewJob, Tx, on_both_databases};
use serde_json::json;

use crate::support::{NOW, at, uuid};

/// A job that is not stored, due at [`NOW`].
pub fn job(kind: &'static str, dedup_key: Option<&str>) -> NewJob {
    NewJob {
        id: JobId::new(uuid()),
        kind,
        dedup_key: dedup_key.map(str::to_owned),
        payload: json!({"assistant": "a1"}),
        run_at: NOW,
        traceparent: None,
        concurrency_key: None,
    }
}

/// Claims one job of the kind `deploy`, leased for 100 ms.
pub async fn claim(tx: &mut Tx, token: uuid::Uuid, now: Timestamp) -> Option<JobRow> {
    let until = Timestamp::from_unix_ms(now.unix_ms() + 100);
    let mut claimed = tx.claim_jobs("deploy", token, now, until, 1).await.expect("claim should succeed");
    assert!(claimed.len() <= 1, "{claimed:?}");
    claimed.pop()
}

on_both_databases! {
    async fn fair_claim_limits_keys_and_prefers_fewest_held(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        // One key has many jobs that were enqueued first; two others have one and two.
        let shares = ["a", "a", "a", "a", "a", "b", "c", "c"];
        let mut owners = std::collections::HashMap::new();
        for (number, share) in (0..).zip(shares) {
            let new = NewJob { concurrency_key: Some(share.to_owned()), run_at: at(number), ..job("callback", None) };
            owners.insert(new.id, share);
            tx.enqueue(&new, NOW).await.unwrap();
        }
        let (token, now, until) = (uuid(), at(100), at(200));
        let mut claim = async |limit: i64| {
            let claimed = tx.claim_jobs_fairly("callback", token, now, until, limit, 3).await.unwrap();
            let mut shares: Vec<_> = claimed.iter().map(|job| owners[&job.id]).collect();
            shares.sort_unstable();
            (shares, claimed)
        };
        assert_eq!(claim(4).await.0, ["a", "a", "b", "c"]);
        // At most three jobs per key are held, including those claimed before.
        assert_eq!(claim(9).await.0, ["a", "c"]);
        assert_eq!(claim(9).await.0, [""; 0]);
        let (_, held) = (0, tx.claim_jobs("callback", token, at(300), at(400), 1).await.unwrap());
        assert_eq!(held.len(), 1);
        // A released job makes room for one more, and a lapsed lease holds nothing.
        tx.finish_job(held[0].id, token).await.unwrap();
        let again = tx.claim_jobs_fairly("callback", token, at(500), at(600), 9, 3).await.unwrap();
        assert_eq!(again.len(), 6, "{again:?}");
        // A job without a key is claimed, too.
        tx.enqueue(&job("callback", Some("nobody's")), NOW).await.unwrap();
        let again = tx.claim_jobs_fairly("callback", token, at(500), at(600), 9, 3).await.unwrap();
        assert_eq!(again.len(), 1);
    }

    async fn claimed_job_has_what_was_enqueued(db: TestStore) {
        let new = NewJob { payload: json!({"b": [1, null], "a": "Ünï 🪸"}), traceparent: Some("00-a-b-01".to_owned()), ..job("deploy", Some("d:1")) };
        let mut tx = db.store.begin().await.unwrap();
        tx.enqueue(&new, at(-5)).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        let claimed = claim(&mut tx, uuid(), NOW).await.unwrap();
        assert_eq!((claimed.id, claimed.kind.as_str()), (new.id, "deploy"));
        assert_eq!(claimed.payload.0, new.payload);
        assert_eq!(claimed.traceparent, new.traceparent);
        assert_eq!((claimed.attempts, claimed.created_at), (1, at(-5)));
    }

    async fn job_of_rolled_back_transaction_does_not_exist(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.enqueue(&job("deploy", None), NOW).await.unwrap();
        drop(tx);
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (0, 0));
        assert_eq!(claim(&mut tx, uuid(), NOW).await, None);
    }

    async fn taken_job_id_is_unique_violation(db: TestStore) {
        let new = job("deploy", None);
        let mut tx = db.store.begin().await.unwrap();
        tx.enqueue(&new, NOW).await.unwrap();
        assert!(tx.enqueue(&new, NOW).await.unwrap_err().is_unique_violation());
    }

    async fn jobs_are_counted_by_dedup_key_prefix(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let ahead = NewJob { run_at: at(10), ..job("deploy", Some("d_1:x")) };
        tx.enqueue(&ahead, NOW).await.unwrap();
        for key in ["d_1:y", "dx1:z"] {
            tx.enqueue(&job("deploy", Some(key)), NOW).await.unwrap();
        }
        assert_eq!(tx.count_scheduled_jobs("d_1:", NOW).await.unwrap(), 1);
        assert_eq!(tx.count_scheduled_jobs("d_1:", at(10)).await.unwrap(), 0, "the job is due");
        assert_eq!(tx.count_running_jobs("d_1:", NOW).await.unwrap(), 0);
        tx.claim_jobs("deploy", uuid(), NOW, at(100), 5).await.unwrap();
        assert_eq!(tx.count_running_jobs("d_1:", NOW).await.unwrap(), 1);
        assert_eq!(tx.count_running_jobs("d_1:", at(100)).await.unwrap(), 0, "the lease has lapsed");
    }

    async fn only_scheduled_job_is_rescheduled(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let later = NewJob { run_at: at(10), ..job("deploy", Some("later")) };
        tx.enqueue(&later, NOW).await.unwrap();
        tx.enqueue(&job("deploy", Some("due")), NOW).await.unwrap();
        assert_eq!(tx.reschedule_job("later", at(20), NOW).await.unwrap(), Some(later.id));
        assert_eq!(tx.find_job_run_at("later").await.unwrap(), Some(at(20)));
        for (key, now) in [("later", at(20)), ("due", NOW), ("nobody's", NOW)] {
            assert_eq!(tx.reschedule_job(key, at(30), now).await.unwrap(), None, "{key}");
        }
        // A running job is not rescheduled.
        tx.claim_jobs("deploy", uuid(), at(20), at(100), 5).await.unwrap();
        assert_eq!(tx.reschedule_job("later", at(30), NOW).await.unwrap(), None);
    }

    async fn job_is_canceled_until_it_runs(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (waits, runs) = (job("callback", None), job("deploy", None));
        tx.enqueue(&waits, NOW).await.unwrap();
        tx.enqueue(&runs, NOW).await.unwrap();
        claim(&mut tx, uuid(), NOW).await.unwrap();
        for one in [waits.id, runs.id] {
            tx.cancel_job(one).await.unwrap();
        }
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (1, 0));
    }

    async fn job_is_not_claimed_before_run_at(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.enqueue(&job("deploy", None), NOW).await.unwrap();
        assert_eq!(claim(&mut tx, uuid(), at(-1)).await, None);
        assert!(claim(&mut tx, uuid(), NOW).await.is_some());
    }

    async fn claim_is_limited_to_one_kind(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        tx.enqueue(&job("callback", None), NOW).await.unwrap();
        assert_eq!(claim(&mut tx, uuid(), NOW).await, None);
        assert_eq!(tx.claim_jobs("callback", uuid(), NOW, at(1), 5).await.unwrap().len(), 1);
    }

    async fn jobs_are_claimed_in_due_order(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let mut jobs = Vec::new();
        for run_at in [-1, -30, -20, -20, -10, 1] {
            let new = NewJob { run_at: at(run_at), ..job("deploy", None) };
            tx.enqueue(&new, NOW).await.unwrap();
            jobs.push(new);
        }
        jobs.sort_by_key(|job| (job.run_at, job.id));
        let mut claimed = Vec::new();
        while let Some(row) = claim(&mut tx, uuid(), NOW).await {
            claimed.push(row.id);
        }
        let due: Vec<_> = jobs.iter().filter(|job| job.run_at <= NOW).map(|job| job.id).collect();
        assert_eq!(claimed, due);
    }

    async fn claim_takes_oldest_due_jobs_up_to_limit(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let mut expected = Vec::new();
        for late in 0..20 {
            let new = NewJob { run_at: at(-late), ..job("deploy", None) };
            tx.enqueue(&new, NOW).await.unwrap();
            expected.insert(0, new.id);
        }
        for limit in [3_i64, 0, 7] {
            let claimed = tx.claim_jobs("deploy", uuid(), NOW, at(100), limit).await.unwrap();
            let mut ids: Vec<_> = claimed.iter().map(|row| row.id).collect();
            let mut due: Vec<_> = expected.drain(..usize::try_from(limit).unwrap()).collect();
            ids.sort();
            due.sort();
            assert_eq!(ids, due, "limit {limit}");
        }
    }

    async fn jobs_without_dedup_key_are_all_kept(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for new in [job("deploy", None), job("deploy", None), job("deploy", Some("a")), job("deploy", Some("b"))] {
            tx.enqueue(&new, NOW).await.unwrap();
        }
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (4, 0));
    }

    async fn duplicate_enqueue_runs_once_at_earlier_time(db: TestStore) {
        for (first, second) in [(0, -50), (-50, 0)] {
            let mut tx = db.store.begin().await.unwrap();
            let original = NewJob { run_at: at(first), ..job("deploy", Some("d:1")) };
            tx.enqueue(&original, NOW).await.unwrap();
            let again = NewJob { run_at: at(second), ..job("deploy", Some("d:1")) };
            tx.enqueue(&again, NOW).await.unwrap();
            assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (1, 0));
            assert_eq!(claim(&mut tx, uuid(), at(-51)).await, None);
            let claimed = claim(&mut tx, uuid(), at(-50)).await.unwrap();
            assert_eq!(claimed.id, original.id);
        }
    }

    async fn enqueue_while_running_runs_once_more(db: TestStore) {
        let token = uuid();
        let mut tx = db.store.begin().await.unwrap();
        tx.enqueue(&job("deploy", Some("d:1")), NOW).await.unwrap();
        let running = claim(&mut tx, token, NOW).await.unwrap();
        tx.enqueue(&job("deploy", Some("d:1")), at(10)).await.unwrap();
        // It does not run at the same time as the first run.
        assert_eq!(claim(&mut tx, uuid(), at(20)).await, None);
        tx.finish_job(running.id, token).await.unwrap();
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (1, 0));
        let again = claim(&mut tx, token, at(20)).await.unwrap();
        assert_eq!((again.id, again.attempts), (running.id, 1));
        tx.finish_job(again.id, token).await.unwrap();
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (0, 0));
    }

    async fn enqueue_while_run_fails_skips_backoff(db: TestStore) {
        let token = uuid();
        let mut tx = db.store.begin().await.unwrap();
        tx.enqueue(&job("deploy", Some("d:1")), NOW).await.unwrap();
        let running = claim(&mut tx, token, NOW).await.unwrap();
        tx.enqueue(&NewJob { run_at: at(30), ..job("deploy", Some("d:1")) }, at(10)).await.unwrap();
        tx.retry_job(running.id, token, at(10_000), Some("no answer")).await.unwrap();
        let again = claim(&mut tx, token, at(30)).await.unwrap();
        // This happens once: the next failure backs off again.
        tx.retry_job(again.id, token, at(10_000), None).await.unwrap();
        assert_eq!(claim(&mut tx, token, at(9_999)).await, None);
    }

    async fn enqueue_while_job_dies_starts_it_over(db: TestStore) {
        let token = uuid();
        let mut tx = db.store.begin().await.unwrap();
        tx.enqueue(&job("deploy", Some("d:1")), NOW).await.unwrap();
        let running = claim(&mut tx, token, NOW).await.unwrap();
        tx.enqueue(&job("deploy", Some("d:1")), at(10)).await.unwrap();
        tx.mark_job_dead(running.id, token, "hopeless", at(20)).await.unwrap();
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (1, 0));
        assert_eq!(claim(&mut tx, uuid(), at(20)).await.map(|row| row.attempts), Some(1));
    }

    async fn enqueue_of_dead_job_starts_it_over(db: TestStore) {
        let token = uuid();
        let mut tx = db.store.begin().await.unwrap();
        tx.enqueue(&job("deploy", Some("d:1")), NOW).await.unwrap();
        for _ in 0..3 {
            let running = claim(&mut tx, token, NOW).await.unwrap();
            tx.retry_job(running.id, token, NOW, None).await.unwrap();
        }
        let last = claim(&mut tx, token, NOW).await.unwrap();
        tx.mark_job_dead(last.id, token, "hopeless", NOW).await.unwrap();
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (0, 1));
        tx.enqueue(&job("deploy", Some("d:1")), at(10)).await.unwrap();
        assert_eq!(tx.count_open_and_dead_jobs().await.unwrap(), (1, 0));
        let fresh = claim(&mut tx, token, at(10)).await.unwrap();
        assert_eq!((fresh.id, fresh.attempts), (last.id, 1));
    }

    async fn enqueue_during_backoff_keeps_attempts(db: TestStore) {
        let token = uuid();
        let mut tx = db.store.begin().await.unwrap();
        tx.enqueue(&job("deploy", Some("d:1")), NOW).await.unwrap();
        let running = claim(&mut tx, token, NOW).await.unwrap();
        tx.retry_job(running.id, token, at(10_000), None).await.unwrap();
        tx.enqueue(&NewJob { run_at: at(5), ..job("deploy", Some("d:1")) }, at(5)).await.unwrap();
        assert_eq!(claim(&mut tx, token, at(5)).await.map(|row| row.attempts), Some(2));
    }

    async fn run_at_is_found_until_job_is_done_or_dead(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.find_job_run_at("d:1").await.unwrap(), None);
        tx.enqueue(&job("deploy", Some("d:1")), NOW).await.unwrap();
        assert_eq!(tx.find_job_run_at("d:1").await.unwrap(), Some(NOW));
        let token = uuid();
        let claimed = claim(&mut tx, token, NOW).await.unwrap();
        tx.mark_job_dead(claimed.id, token, "given up", NOW).await.unwrap();
        assert_eq!(tx.find_job_run_at("d:1").await.unwrap(), None);
    }
}
