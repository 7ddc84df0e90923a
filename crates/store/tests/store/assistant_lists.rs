use reef_domain::State;
use reef_domain::ids::UserId;
use reef_store::{Tx, on_both_databases};

use crate::support::{NOW, add_assistant, add_unpaid_assistant, add_unpaid_order, add_user, at, run, uuid};

const HOUR: i64 = 3_600_000;

on_both_databases! {
    async fn assistants_are_listed_per_user_newest_first(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let old = add_assistant(&mut tx, user, State::Purchased, at(-10)).await;
        let first = add_assistant(&mut tx, user, State::Purchased, NOW).await;
        let second = add_assistant(&mut tx, user, State::Stopped { run: run(2), reason: None }, NOW).await;
        add_assistant(&mut tx, other, State::Purchased, NOW).await;
        assert_eq!(tx.list_assistants(user, at(-HOUR)).await.unwrap(), [second, first, old]);
        assert_eq!(tx.list_assistants(UserId::new(uuid()), at(-HOUR)).await.unwrap(), []);
    }

    async fn unpaid_assistant_is_listed_up_to_limit_of_age(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let slot = add_unpaid_assistant(&mut tx, user).await;
        let paid = add_assistant(&mut tx, user, State::Purchased, at(-9 * HOUR)).await;
        assert_eq!(tx.list_assistants(user, NOW).await.unwrap(), [slot.clone(), paid.clone()]);
        assert_eq!(tx.list_assistants(user, at(1)).await.unwrap(), [paid]);
        assert_eq!(tx.find_assistant(slot.id).await.unwrap(), Some(slot));
    }

    async fn nth_newest_unpaid_order_is_found_per_user(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        for created in [-HOUR, -HOUR + 1, 0] {
            add_unpaid_order(&mut tx, user, at(created)).await;
        }
        add_assistant(&mut tx, user, State::Purchased, NOW).await;
        // The subscription ended before its first payment.
        add_assistant(&mut tx, user, State::PendingPayment, NOW).await;
        add_unpaid_order(&mut tx, other, NOW).await;
        let newest = [Some(at(0)), Some(at(-HOUR + 1)), None];
        for (n, created) in (1..).zip(newest) {
            let nth = tx.find_nth_newest_unpaid_order(user, at(-HOUR), n, true).await.unwrap();
            assert_eq!(nth, created, "{n}");
        }
        assert_eq!(tx.find_nth_newest_unpaid_order(other, at(-HOUR), 2, true).await.unwrap(), None);
        assert_eq!(tx.find_nth_newest_unpaid_order(UserId::new(uuid()), at(-HOUR), 1, true).await.unwrap(), None);
    }

    async fn deleted_order_counts_unless_paid_or_without_checkout(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let paid = add_assistant(&mut tx, user, State::Purchased, at(4)).await.id;
        let paid_late = add_unpaid_order(&mut tx, user, at(3)).await;
        let void = add_unpaid_order(&mut tx, user, at(2)).await;
        let unpaid = add_unpaid_order(&mut tx, user, at(1)).await;
        for id in [paid, paid_late, void, unpaid] {
            assert!(tx.delete_assistant(id, user, at(9)).await.unwrap());
        }
        tx.record_checkout_failure(void).await.unwrap();
        tx.insert_revocation("sub_late", paid_late, "late", at(9)).await.unwrap();
        let nth = async |tx: &mut Tx, n, void_too| {
            tx.find_nth_newest_unpaid_order(user, at(-HOUR), n, void_too).await.unwrap()
        };
        assert_eq!(nth(&mut tx, 1, false).await, Some(at(1)));
        assert_eq!(nth(&mut tx, 2, false).await, None);
        assert_eq!(nth(&mut tx, 1, true).await, Some(at(2)));
        assert_eq!(nth(&mut tx, 2, true).await, Some(at(1)));
    }

    async fn assistant_is_found_by_subscription(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        add_unpaid_assistant(&mut tx, user).await;
        let mut paid = add_assistant(&mut tx, user, State::Purchased, NOW).await;
        paid.payment.subscription_id = Some("sub_1".to_owned());
        assert!(tx.update_assistant(&mut paid).await.unwrap());
        assert_eq!(tx.find_assistant_by_subscription("sub_1").await.unwrap(), Some(paid));
        assert_eq!(tx.find_assistant_by_subscription("sub_2").await.unwrap(), None);
        assert_eq!(tx.find_assistant_by_subscription("").await.unwrap(), None);
    }

    async fn active_runs_are_listed_page_by_page(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        assert_eq!(tx.list_active_runs(None, 10).await.unwrap(), []);
        let mut expected = Vec::new();
        for generation in 1..=5 {
            let run = run(generation);
            let state = State::Active { run: run.clone(), worker_url: "https://workers.test".to_owned() };
            // They are listed by their ids, and not by their age.
            expected.push((add_assistant(&mut tx, user, state, at(-generation)).await.id, run));
            add_assistant(&mut tx, user, State::Stopped { run: crate::support::run(1), reason: None }, NOW).await;
            add_unpaid_assistant(&mut tx, user).await;
        }
        assert_eq!(tx.list_active_runs(None, 10).await.unwrap(), expected);
        assert_eq!(tx.list_active_runs(None, 2).await.unwrap(), expected[..2]);
        assert_eq!(tx.list_active_runs(Some(expected[1].0), 2).await.unwrap(), expected[2..4]);
        assert_eq!(tx.list_active_runs(Some(expected[3].0), 2).await.unwrap(), expected[4..]);
        assert_eq!(tx.list_active_runs(Some(expected[4].0), 2).await.unwrap(), []);
    }

    async fn deployment_is_overdue_from_its_deadline(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let mut by_deadline = Vec::new();
        for deadline in [5, -5, 0] {
            let state = State::Deploying { run: run(1), deadline: at(deadline) };
            by_deadline.push((deadline, add_assistant(&mut tx, user, state, NOW).await));
        }
        add_assistant(&mut tx, user, State::Stopped { run: run(1), reason: None }, NOW).await;
        by_deadline.sort_by_key(|(deadline, _)| *deadline);
        let all: Vec<_> = by_deadline.into_iter().map(|(_, assistant)| assistant).collect();
        assert_eq!(tx.list_overdue_deployments(at(-6), 10).await.unwrap(), []);
        assert_eq!(tx.list_overdue_deployments(NOW, 10).await.unwrap(), all[..2]);
        assert_eq!(tx.list_overdue_deployments(NOW, 1).await.unwrap(), all[..1]);
        assert_eq!(tx.list_overdue_deployments(at(5), 10).await.unwrap(), all);
    }
}
