use reef_store::{TotpRow, on_both_databases};

use crate::support::{NOW, add_user, at};

on_both_databases! {
    async fn totp_secret_is_replaced_until_confirmed(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        assert_eq!(tx.find_totp(user).await.unwrap(), None);
        assert!(tx.insert_totp(user, b"first", NOW).await.unwrap());
        assert!(tx.insert_totp(user, b"second", at(1)).await.unwrap());
        let pending = TotpRow { secret: b"second".to_vec(), created_at: at(1), confirmed_at: None, last_used_step: 0 };
        assert_eq!(tx.find_totp(user).await.unwrap(), Some(pending.clone()));
        // A code of the replaced secret confirms nothing.
        assert!(!tx.confirm_totp(user, NOW, 7, at(2)).await.unwrap());
        assert!(tx.confirm_totp(user, at(1), 7, at(2)).await.unwrap());
        assert!(!tx.confirm_totp(user, at(1), 8, at(3)).await.unwrap());
        assert!(!tx.insert_totp(user, b"third", at(4)).await.unwrap());
        let confirmed = TotpRow { confirmed_at: Some(at(2)), last_used_step: 7, ..pending };
        assert_eq!(tx.find_totp(user).await.unwrap(), Some(confirmed));
    }

    async fn totp_step_is_used_once_and_invalidates_earlier_ones(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        for user in [user, other] {
            tx.insert_totp(user, b"secret", NOW).await.unwrap();
        }
        assert!(!tx.consume_totp_step(user, NOW, 8).await.unwrap(), "the secret is not confirmed");
        for user in [user, other] {
            assert!(tx.confirm_totp(user, NOW, 7, NOW).await.unwrap());
        }
        for (step, counts) in [(6, false), (7, false), (9, true), (9, false), (8, false), (10, true)] {
            assert_eq!(tx.consume_totp_step(user, NOW, step).await.unwrap(), counts, "{step}");
        }
        assert!(!tx.consume_totp_step(user, at(1), 11).await.unwrap(), "the code belongs to another secret");
        assert!(tx.consume_totp_step(other, NOW, 8).await.unwrap());
    }

    async fn concurrent_uses_of_one_code_succeed_once(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        tx.insert_totp(user, b"secret", NOW).await.unwrap();
        tx.confirm_totp(user, NOW, 1, NOW).await.unwrap();
        tx.replace_recovery_codes(user, &[b"hash".to_vec()]).await.unwrap();
        tx.commit().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let store = db.store.clone();
            tasks.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let step = tx.consume_totp_step(user, NOW, 2).await.unwrap();
                let recovery = tx.consume_recovery_code(user, b"hash").await.unwrap();
                tx.commit().await.unwrap();
                (step, recovery)
            });
        }
        let counted = tasks.join_all().await;
        let times = |is: fn(&(bool, bool)) -> bool| counted.iter().filter(|one| is(one)).count();
        assert_eq!((times(|one| one.0), times(|one| one.1)), (1, 1));
    }

    async fn recovery_codes_are_used_once_and_replaced_together(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let hashes = [b"one".to_vec(), b"two".to_vec()];
        for user in [user, other] {
            tx.replace_recovery_codes(user, &hashes).await.unwrap();
        }
        assert!(tx.consume_recovery_code(user, b"one").await.unwrap());
        assert!(!tx.consume_recovery_code(user, b"one").await.unwrap());
        assert!(!tx.consume_recovery_code(user, b"three").await.unwrap());
        assert_eq!(tx.count_recovery_codes(user).await.unwrap(), 1);
        tx.replace_recovery_codes(user, &[b"three".to_vec()]).await.unwrap();
        assert!(!tx.consume_recovery_code(user, b"two").await.unwrap());
        assert_eq!(tx.count_recovery_codes(user).await.unwrap(), 1);
        assert_eq!(tx.count_recovery_codes(other).await.unwrap(), 2);
    }

    async fn totp_deletion_removes_codes_and_prune_removes_unconfirmed(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (on, off, stale) = (add_user(&mut tx).await, add_user(&mut tx).await, add_user(&mut tx).await);
        for user in [on, off, stale] {
            tx.insert_totp(user, b"secret", NOW).await.unwrap();
        }
        for user in [on, off] {
            tx.confirm_totp(user, NOW, 1, NOW).await.unwrap();
            tx.replace_recovery_codes(user, &[b"one".to_vec()]).await.unwrap();
        }
        assert!(tx.delete_totp(off).await.unwrap());
        assert!(!tx.delete_totp(off).await.unwrap());
        assert_eq!(tx.count_recovery_codes(off).await.unwrap(), 0);
        assert_eq!(tx.prune_totp(NOW).await.unwrap(), 0);
        assert_eq!(tx.prune_totp(at(1)).await.unwrap(), 1);
        assert_eq!(tx.find_totp(stale).await.unwrap(), None);
        assert!(tx.find_totp(on).await.unwrap().is_some());
        assert_eq!(tx.count_recovery_codes(on).await.unwrap(), 1);
    }
}
