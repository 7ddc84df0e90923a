use reef_domain::ids::{AssistantId, DeliveryId, UserId};
use reef_domain::wire::{DeliveryState, EventKind};
use reef_store::{AttemptOutcome, DeliveryRow, on_both_databases};

use crate::support::{NOW, assert_corrupt, at, raw, uuid};

pub fn delivery(assistant_id: AssistantId, sequence: i64) -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId::new(uuid()),
        assistant_id,
        user_id: UserId::new(uuid()),
        kind: EventKind::StatusChanged,
        sequence,
        url: "https://example.com/hook".to_owned(),
        payload: r#"{"type": "assistant.status_changed",  "spaces":  "kept"}"#.to_owned(),
        state: DeliveryState::Pending,
        attempts: 0,
        last_status: None,
        last_error: None,
        created_at: at(sequence),
        finished_at: None,
    }
}

fn attempt(state: DeliveryState, status: Option<i64>, error: Option<&str>) -> AttemptOutcome {
    AttemptOutcome { started_at: NOW, state, status, error: error.map(str::to_owned) }
}

on_both_databases! {
    async fn delivery_round_trips_to_the_byte(db: TestStore) {
        let row = delivery(AssistantId::new(uuid()), 1);
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_delivery(&row).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.store.read().await.unwrap();
        assert_eq!(tx.find_delivery(row.id).await.unwrap(), Some(row));
        assert_eq!(tx.find_delivery(DeliveryId::new(uuid())).await.unwrap(), None);
    }

    async fn taken_delivery_id_is_unique_violation(db: TestStore) {
        let row = delivery(AssistantId::new(uuid()), 1);
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_delivery(&row).await.unwrap();
        assert!(tx.insert_delivery(&row).await.unwrap_err().is_unique_violation());
    }

    async fn attempts_are_counted_until_delivered(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let (row, other) = (delivery(assistant, 1), delivery(assistant, 2));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_delivery(&row).await.unwrap();
        tx.insert_delivery(&other).await.unwrap();

        let refused = attempt(DeliveryState::Pending, Some(503), Some("answered 503"));
        tx.record_delivery_attempt(row.id, &refused, at(10)).await.unwrap();
        let found = tx.find_delivery(row.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.attempts, found.finished_at), (DeliveryState::Pending, 1, None));
        assert_eq!((found.last_status, found.last_error.as_deref()), (Some(503), Some("answered 503")));

        let silent = attempt(DeliveryState::Pending, None, Some("no answer"));
        tx.record_delivery_attempt(row.id, &silent, at(20)).await.unwrap();
        let found = tx.find_delivery(row.id).await.unwrap().unwrap();
        assert_eq!((found.attempts, found.last_status), (2, None));

        tx.record_delivery_attempt(row.id, &attempt(DeliveryState::Delivered, Some(204), None), at(30)).await.unwrap();
        let found = tx.find_delivery(row.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.attempts), (DeliveryState::Delivered, 3));
        assert_eq!((found.last_status, found.last_error.as_deref()), (Some(204), None));
        assert_eq!(found.finished_at, Some(at(30)));
        assert_eq!(tx.find_delivery(other.id).await.unwrap(), Some(other));
    }

    async fn failed_delivery_can_be_reopened(db: TestStore) {
        let row = delivery(AssistantId::new(uuid()), 1);
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_delivery(&row).await.unwrap();
        tx.record_delivery_attempt(row.id, &attempt(DeliveryState::Failed, Some(410), None), at(1)).await.unwrap();
        let found = tx.find_delivery(row.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.finished_at), (DeliveryState::Failed, Some(at(1))));
        tx.record_delivery_attempt(row.id, &attempt(DeliveryState::Pending, Some(500), None), at(2)).await.unwrap();
        let found = tx.find_delivery(row.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.attempts, found.finished_at), (DeliveryState::Pending, 2, None));
    }

    async fn deliveries_are_listed_newest_first_up_to_limit(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        let mut rows: Vec<_> = [2, 1, 3].into_iter().map(|sequence| delivery(assistant, sequence)).collect();
        // If two have the same time, the one with the later id is newer.
        rows.push(DeliveryRow { created_at: at(3), ..delivery(assistant, 4) });
        for row in &rows {
            tx.insert_delivery(row).await.unwrap();
        }
        tx.insert_delivery(&delivery(AssistantId::new(uuid()), 9)).await.unwrap();
        rows.sort_by_key(|row| std::cmp::Reverse(row.sequence));
        assert_eq!(tx.list_deliveries(assistant, 10).await.unwrap(), rows);
        assert_eq!(tx.list_deliveries(assistant, 2).await.unwrap(), rows[..2]);
        assert_eq!(tx.list_deliveries(AssistantId::new(uuid()), 2).await.unwrap(), []);
    }

    async fn prune_keeps_pending_and_newer_deliveries(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let rows: Vec<_> = (1..=4).map(|sequence| delivery(assistant, sequence)).collect();
        let mut tx = db.store.begin().await.unwrap();
        for row in &rows {
            tx.insert_delivery(row).await.unwrap();
        }
        let (done, failed) = (DeliveryState::Delivered, DeliveryState::Failed);
        tx.record_delivery_attempt(rows[0].id, &attempt(done, Some(200), None), at(99)).await.unwrap();
        tx.record_delivery_attempt(rows[1].id, &attempt(failed, None, None), at(99)).await.unwrap();
        tx.record_delivery_attempt(rows[2].id, &attempt(done, Some(200), None), at(100)).await.unwrap();
        assert_eq!(tx.prune_deliveries(at(100)).await.unwrap(), 2);
        let left = tx.list_deliveries(assistant, 10).await.unwrap();
        assert_eq!(left.iter().map(|row| row.sequence).collect::<Vec<_>>(), [4, 3]);
    }

    async fn unknown_delivery_state_is_corrupt(db: TestStore) {
        for state in ["", "PENDING", "lost"] {
            let row = delivery(AssistantId::new(uuid()), 1);
            let mut tx = db.store.begin().await.unwrap();
            tx.insert_delivery(&row).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(raw!(db, "update deliveries set state = $2 where id = $1", row.id, state), 1);
            let mut tx = db.store.read().await.unwrap();
            assert_corrupt(tx.find_delivery(row.id).await, "deliveries", row.id);
            assert_corrupt(tx.list_deliveries(row.assistant_id, 1).await, "deliveries", row.id);
        }
    }

    async fn kind_is_stored_and_not_read_from_payload(db: TestStore) {
        for kind in EventKind::ALL {
            let row = DeliveryRow { kind: *kind, payload: "no JSON".to_owned(), ..delivery(AssistantId::new(uuid()), 1) };
            let mut tx = db.store.begin().await.unwrap();
            tx.insert_delivery(&row).await.unwrap();
            assert_eq!(tx.find_delivery(row.id).await.unwrap(), Some(row));
        }
    }

    async fn unknown_delivery_kind_is_corrupt(db: TestStore) {
        let row = delivery(AssistantId::new(uuid()), 1);
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_delivery(&row).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(raw!(db, "update deliveries set kind = $2 where id = $1", row.id, "assistant.lost"), 1);
        assert_corrupt(db.store.read().await.unwrap().find_delivery(row.id).await, "deliveries", row.id);
    }

    async fn attempt_of_unknown_delivery_is_not_recorded(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let unknown = DeliveryId::new(uuid());
        tx.record_delivery_attempt(unknown, &attempt(DeliveryState::Delivered, None, None), NOW).await.unwrap();
        assert_eq!(tx.find_delivery(unknown).await.unwrap(), None);
    }

    async fn newest_fifty_attempts_are_kept_across_redelivery(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let (old, row) = (delivery(assistant, 1), delivery(assistant, 2));
        let mut tx = db.store.begin().await.unwrap();
        for row in [&old, &row] {
            tx.insert_delivery(row).await.unwrap();
        }
        tx.record_delivery_attempt(old.id, &attempt(DeliveryState::Delivered, Some(200), None), at(5)).await.unwrap();
        for number in 1..=51 {
            let refused = AttemptOutcome { started_at: at(number), ..attempt(DeliveryState::Failed, Some(500), Some("answered 500")) };
            tx.record_delivery_attempt(row.id, &refused, at(number + 7)).await.unwrap();
            tx.reopen_delivery(row.id).await.unwrap();
        }
        let of_newest = tx.list_delivery_attempts(assistant, 1).await.unwrap();
        assert_eq!(of_newest.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), (2..=51).rev().collect::<Vec<_>>());
        let newest = &of_newest[0];
        assert_eq!((newest.delivery_id, newest.started_at, newest.duration_ms), (row.id, at(51), 7));
        assert_eq!((newest.status, newest.error.as_deref()), (Some(500), Some("answered 500")));
        let all = tx.list_delivery_attempts(assistant, 9).await.unwrap();
        assert_eq!(all.iter().filter(|attempt| attempt.delivery_id == old.id).count(), 1);
        assert_eq!(tx.list_delivery_attempts(AssistantId::new(uuid()), 9).await.unwrap(), []);
        // Attempts are deleted with their delivery.
        assert_eq!(tx.prune_deliveries(at(6)).await.unwrap(), 1);
        assert_eq!(tx.list_delivery_attempts(assistant, 9).await.unwrap(), of_newest);
    }
}
