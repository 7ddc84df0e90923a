use reef_domain::Assistant;
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::wire::ApiMode;
use reef_store::{DeliveryRow, ReceiptRow, on_both_databases};

use crate::api_keys::key;
use crate::deliveries::delivery;
use crate::events::new_event;
use crate::receipts::receipt;
use crate::support::{NOW, add_unpaid_assistant, add_user, at, raw_rows, uuid};

on_both_databases! {
    async fn user_deletion_leaves_other_users_rows(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (gone, kept) = (add_user(&mut tx).await, add_user(&mut tx).await);
        for user in [gone, kept] {
            let slot = add_unpaid_assistant(&mut tx, user).await;
            tx.insert_event(&new_event(slot.id, user, 1)).await.unwrap();
            tx.insert_delivery(&DeliveryRow { user_id: user, ..delivery(slot.id, 1) }).await.unwrap();
            tx.insert_receipt(&ReceiptRow { assistant_id: slot.id, ..receipt(user, 1) }).await.unwrap();
            tx.insert_api_key(&key(user, user.to_string().as_bytes(), NOW, None)).await.unwrap();
            tx.insert_totp(user, b"sealed", NOW).await.unwrap();
            tx.replace_recovery_codes(user, &[vec![1]]).await.unwrap();
            tx.claim_idempotency_key(user, "k", b"f", NOW, at(1000), at(-1000)).await.unwrap();
            assert!(!tx.delete_user(user).await.unwrap(), "the user has an assistant");
            tx.delete_assistant(slot.id, user, NOW).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.delete_user(gone).await.unwrap());
        assert!(!tx.delete_user(gone).await.unwrap());
        tx.commit().await.unwrap();
        let left = raw_rows!(
            db,
            (String, UserId),
            "select 'users', id from users union all select 'keys', user_id from api_keys
             union all select 'receipts', user_id from receipts union all select 'totp', user_id from totp
             union all select 'codes', user_id from recovery_codes union all select 'events', user_id from events
             union all select 'deliveries', user_id from deliveries
             union all select 'answers', user_id from idempotency_keys order by 1",
        );
        let tables = ["answers", "codes", "deliveries", "events", "keys", "receipts", "totp", "users"];
        assert_eq!(left, tables.map(|table| (table.to_owned(), kept)));
        let tombstones = raw_rows!(db, (i64,), "select count(*) from tombstones");
        assert_eq!(tombstones, [(2,)], "a payment may still arrive");
    }

    async fn order_during_user_deletion_blocks_it_or_fails(db: TestStore) {
        for _ in 0..5 {
            let mut tx = db.store.begin().await.unwrap();
            let user = add_user(&mut tx).await;
            tx.commit().await.unwrap();
            let order = async {
                let mut tx = db.store.begin().await.unwrap();
                tx.lock_user(user).await.unwrap();
                let slot = Assistant::new(AssistantId::new(uuid()), user, ApiMode::Byok, NOW);
                let ordered = tx.insert_assistant(&slot).await.is_ok();
                if ordered {
                    tx.commit().await.unwrap();
                }
                ordered
            };
            let delete = async {
                let mut tx = db.store.begin().await.unwrap();
                let deleted = tx.delete_user(user).await.unwrap();
                tx.commit().await.unwrap();
                deleted
            };
            let (ordered, deleted) = tokio::join!(order, delete);
            assert_ne!(ordered, deleted);
        }
    }
}
