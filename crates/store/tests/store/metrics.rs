use reef_domain::State;
use reef_store::{Backlog, JobCounts, on_both_databases};

use crate::jobs::{claim, job};
use crate::support::{NOW, add_assistant, add_unpaid_assistant, add_user, at, uuid};

on_both_databases! {
    async fn jobs_are_counted_by_kind_and_state(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.count_jobs_by_kind(NOW).await.unwrap(), []);
        for run_at in [-50, -40, 1] {
            let new = reef_store::NewJob { run_at: at(run_at), ..job("callback", None) };
            tx.enqueue(&new, at(-60)).await.unwrap();
        }
        for _ in 0..3 {
            tx.enqueue(&job("deploy", None), NOW).await.unwrap();
        }
        let token = uuid();
        let dead = claim(&mut tx, token, NOW).await.unwrap();
        tx.mark_job_dead(dead.id, token, "hopeless", NOW).await.unwrap();
        claim(&mut tx, token, NOW).await.unwrap();
        let tally = |kind: &str, waiting, running, dead, due_since| JobCounts {
            kind: kind.to_owned(), waiting, running, dead, due_since,
        };
        let expected = [tally("callback", 3, 0, 0, Some(at(-50))), tally("deploy", 1, 1, 1, Some(NOW))];
        assert_eq!(tx.count_jobs_by_kind(NOW).await.unwrap(), expected);
        // A job whose lease has lapsed waits again.
        let later = [tally("callback", 3, 0, 0, Some(at(-50))), tally("deploy", 2, 0, 1, Some(NOW))];
        assert_eq!(tx.count_jobs_by_kind(at(1_000)).await.unwrap(), later);
    }

    async fn assistants_are_counted_by_status(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        add_unpaid_assistant(&mut tx, user).await;
        for _ in 0..2 {
            add_assistant(&mut tx, user, State::Purchased, NOW).await;
        }
        let expected = [("pending_payment".to_owned(), 1), ("purchased".to_owned(), 2)];
        assert_eq!(tx.count_assistants_by_status().await.unwrap(), expected);
    }

    async fn backlogs_are_counted_with_age(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.count_open_polar_webhooks().await.unwrap(), Backlog::default());
        assert_eq!(tx.count_unanswered_bot_updates().await.unwrap(), Backlog::default());
        for (id, ms) in [("a", -30), ("b", -20), ("c", -10)] {
            tx.insert_polar_webhook(id, "{}", at(ms)).await.unwrap();
        }
        let first = tx.list_open_polar_webhooks(1).await.unwrap().pop().unwrap();
        tx.finish_polar_webhook(first.position, "ok", NOW).await.unwrap();
        assert_eq!(tx.count_open_polar_webhooks().await.unwrap(), Backlog { count: 2, oldest_at: Some(at(-20)) });
        let pools = db.store.pools();
        assert!(!pools.is_empty() && pools.iter().all(|pool| pool.open <= pool.max), "{pools:?}");
    }
}
