use reef_domain::ids::{AssistantId, UserId};
use reef_domain::wire::{ApiMode, PaymentStatus, Status};
use reef_store::{ReceiptRow, on_both_databases};
use uuid::Uuid;

use crate::support::{add_unpaid_assistant, add_user, assert_corrupt, at, raw, uuid};

pub fn receipt(user_id: UserId, deleted_ms: i64) -> ReceiptRow {
    ReceiptRow {
        assistant_id: AssistantId::new(uuid()),
        user_id,
        name: "Coral \u{1f41a}".to_owned(),
        plan: ApiMode::Managed,
        status: Status::Active,
        worker_name: Some("openclaw-0a1b2c3d".to_owned()),
        had_bot_token: true,
        had_model_key: false,
        managed_key_hash: Some("or-hash".to_owned()),
        payment_status: PaymentStatus::Paid,
        subscription_id: Some("sub_1".to_owned()),
        current_period_end: Some(at(99)),
        deleted_at: at(deleted_ms),
    }
}

on_both_databases! {
    async fn receipt_round_trips_and_first_one_stays(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let row = receipt(user, 1);
        tx.insert_receipt(&row).await.unwrap();
        tx.insert_receipt(&ReceiptRow { name: "another".to_owned(), ..row.clone() }).await.unwrap();
        let bare = ReceiptRow {
            worker_name: None,
            managed_key_hash: None,
            subscription_id: None,
            current_period_end: None,
            ..receipt(user, 2)
        };
        tx.insert_receipt(&bare).await.unwrap();
        assert_eq!(tx.find_receipt(row.assistant_id).await.unwrap(), Some(row));
        assert_eq!(tx.find_receipt(bare.assistant_id).await.unwrap(), Some(bare));
        assert_eq!(tx.find_receipt(AssistantId::new(uuid())).await.unwrap(), None);
    }

    async fn receipts_are_listed_newest_first_and_pruned(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let rows = [receipt(user, 1), receipt(user, 3), receipt(user, 2), receipt(other, 9)];
        for row in &rows {
            tx.insert_receipt(row).await.unwrap();
        }
        let listed = |found: Vec<ReceiptRow>| found.into_iter().map(|row| row.deleted_at).collect::<Vec<_>>();
        let (late, last) = (at(99), AssistantId::new(uuid()));
        assert_eq!(listed(tx.list_receipts(user, (late, last), 9).await.unwrap()), [at(3), at(2), at(1)]);
        assert_eq!(listed(tx.list_receipts(user, (late, last), 1).await.unwrap()), [at(3)]);
        let second = rows[2].assistant_id;
        assert_eq!(listed(tx.list_receipts(user, (at(2), second), 9).await.unwrap()), [at(2), at(1)]);
        let before = AssistantId::new(Uuid::nil());
        assert_eq!(listed(tx.list_receipts(user, (at(2), before), 9).await.unwrap()), [at(1)]);
        assert_eq!(tx.prune_receipts(at(3)).await.unwrap(), 2);
        assert_eq!(listed(tx.list_receipts(user, (late, last), 9).await.unwrap()), [at(3)]);
    }

    async fn unknown_value_in_receipt_is_corrupt(db: TestStore) {
        for sql in [
            "update receipts set plan = 'x' where assistant_id = $1",
            "update receipts set status = 'x' where assistant_id = $1",
            "update receipts set payment_status = 'x' where assistant_id = $1",
        ] {
            let mut tx = db.store.begin().await.unwrap();
            let user = add_user(&mut tx).await;
            let row = receipt(user, 1);
            tx.insert_receipt(&row).await.unwrap();
            tx.commit().await.unwrap();
            raw!(db, sql, row.assistant_id);
            assert_corrupt(db.store.read().await.unwrap().find_receipt(row.assistant_id).await, "receipts", row.assistant_id);
        }
    }

    async fn revocations_of_assistant_are_listed(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (slot, other) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await.id);
        tx.insert_revocation("sub_2", slot, "late", at(2)).await.unwrap();
        tx.insert_revocation("sub_1", slot, "deleted", at(1)).await.unwrap();
        tx.insert_revocation("sub_3", other, "deleted", at(1)).await.unwrap();
        tx.confirm_revocation("sub_1", at(5)).await.unwrap();
        let found = tx.list_revocations(slot, 9).await.unwrap();
        let found: Vec<_> = found.iter().map(|row| (row.subscription_id.as_str(), row.confirmed_at)).collect();
        assert_eq!(found, [("sub_1", Some(at(5))), ("sub_2", None)]);
        assert_eq!(tx.list_revocations(slot, 1).await.unwrap().len(), 1);
    }
}
