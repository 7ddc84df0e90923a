use reef_domain::ids::AssistantId;
use reef_domain::{Timestamp, Usd};
use reef_store::{ManagedKeyUsage, NewCredit, Secrets, Tx, on_both_databases};

use crate::support::{NOW, add_unpaid_assistant, add_user, at, uuid};

const ONE: Usd = Usd::from_micros(1_000_000);

async fn insert_credit(tx: &mut Tx, id: AssistantId, order: Option<&str>, end: Option<Timestamp>) -> bool {
    let new = NewCredit {
        id: uuid(),
        assistant_id: id,
        order_id: order.map(str::to_owned),
        period_end: end,
        amount: ONE,
    };
    tx.insert_credit(&new, NOW).await.expect("insert should succeed")
}

on_both_databases! {
    async fn period_adds_credit_once_however_it_is_identified(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (id, other) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await.id);
        assert_eq!(tx.find_credit(id).await.unwrap(), None);
        let calls = [
            (Some("a"), None, true),
            // The other half of the same payment, then both halves, then each alone.
            (None, Some(at(1)), false),
            (Some("a"), Some(at(1)), false),
            (Some("b"), Some(at(1)), false),
            (None, None, false),
            // Events of the next period arrive out of order and twice.
            (Some("d"), Some(at(3)), true),
            (Some("c"), Some(at(2)), true),
            (Some("d"), Some(at(3)), false),
            (None, Some(at(2)), false),
            // The end of this period is not known.
            (Some("e"), None, true),
            (Some("e"), None, false),
            (Some("e"), Some(at(4)), false),
            (None, Some(at(4)), false),
            (None, Some(at(5)), true),
        ];
        for (step, (order, end, is_new)) in calls.into_iter().enumerate() {
            assert_eq!(insert_credit(&mut tx, id, order, end).await, is_new, "step {step}: {order:?} {end:?}");
        }
        assert_eq!(tx.find_credit(id).await.unwrap(), Some(Usd::from_micros(5_000_000)));
        assert_eq!(tx.find_credit(other).await.unwrap(), None);
    }

    async fn key_usage_never_decreases(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let id = add_unpaid_assistant(&mut tx, user).await.id;
        assert!(!tx.has_managed_keys().await.unwrap());
        for (hash, micros) in [("b", 5), ("a", 7), ("b", 9), ("b", 4)] {
            tx.record_managed_key_usage(id, hash, Usd::from_micros(micros), NOW).await.unwrap();
        }
        let used = |hash: &str, micros| ManagedKeyUsage { hash: hash.to_owned(), usage: Usd::from_micros(micros) };
        assert_eq!(tx.list_managed_key_usage(id).await.unwrap(), [used("a", 7), used("b", 9)]);
        assert!(tx.has_managed_keys().await.unwrap());
        tx.delete_assistant(id, user, NOW).await.unwrap();
        assert_eq!(tx.list_managed_key_usage(id).await.unwrap(), []);
    }

    async fn managed_key_is_deleted_only_if_current(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let id = add_unpaid_assistant(&mut tx, user).await.id;
        let kept = Secrets {
            model_key: Some(b"sealed".to_vec()),
            managed_key_hash: Some("new".to_owned()),
            model_key_fingerprint: Some("0a1b2c3d".to_owned()),
            model_key_set_at: Some(NOW),
            ..Secrets::default()
        };
        tx.update_secrets(id, &kept).await.unwrap();
        tx.delete_managed_key(id, "old").await.unwrap();
        assert_eq!(tx.get_secrets(id).await.unwrap(), kept);
        tx.delete_managed_key(id, "new").await.unwrap();
        assert_eq!(tx.get_secrets(id).await.unwrap(), Secrets::default());
    }

    async fn credit_refusal_is_listed_until_handled(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (id, _) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await);
        tx.record_credit_refusal(id, NOW).await.unwrap();
        assert_eq!(tx.list_assistants_refused_credit(9).await.unwrap(), [id]);
        tx.record_exhausted_credit(id, Some(ONE)).await.unwrap();
        tx.record_exhausted_credit(id, None).await.unwrap();
        assert_eq!(tx.list_assistants_refused_credit(9).await.unwrap(), []);
        assert_eq!(tx.find_exhausted_credit(id).await.unwrap(), Some(ONE));
    }

    async fn concurrent_timer_claims_succeed_once(db: TestStore) {
        let claim = async |now: i64| {
            let mut tx = db.store.begin().await.unwrap();
            let claimed = tx.claim_timer("x", at(now), at(100), at(now + 1000)).await.unwrap();
            tx.commit().await.unwrap();
            claimed
        };
        let mut outcomes = Vec::new();
        for now in [0, 99, 100, 101, 1099, 1100, 1101] {
            outcomes.push(claim(now).await);
        }
        assert_eq!(outcomes, [false, false, true, false, false, true, false]);
    }
}
