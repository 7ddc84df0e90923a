use reef_domain::ids::{AssistantId, EventId, UserId};
use reef_domain::wire::{EventKind, Status};
use reef_store::{EventRow, on_both_databases};

use crate::support::{NOW, assert_corrupt, at, raw, uuid};

/// An event that is not stored.
pub fn new_event(assistant_id: AssistantId, user_id: UserId, sequence: i64) -> EventRow {
    EventRow {
        id: EventId::new(uuid()),
        assistant_id,
        user_id,
        sequence,
        kind: EventKind::StatusChanged,
        status: Status::Active,
        previous_status: Some(Status::Deploying),
        status_message: None,
        note: None,
        worker_url: Some("https://w".to_owned()),
        created_at: at(sequence),
    }
}

fn event(sequence: i64) -> EventRow {
    new_event(AssistantId::new(uuid()), UserId::new(uuid()), sequence)
}

on_both_databases! {
    async fn every_kind_and_status_round_trips(db: TestStore) {
        let (assistant, user) = (AssistantId::new(uuid()), UserId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        let mut written = Vec::new();
        for kind in [EventKind::StatusChanged, EventKind::Deleted] {
            for &status in Status::ALL {
                for previous_status in [None, Some(Status::PendingPayment), Some(Status::Stopped)] {
                    let sequence = i64::try_from(written.len()).unwrap() + 1;
                    let row = EventRow {
                        kind,
                        status,
                        previous_status,
                        status_message: previous_status.map(|_| "DEPLOY_TIMEOUT: ünï.".to_owned()),
                        worker_url: None,
                        ..new_event(assistant, user, sequence)
                    };
                    tx.insert_event(&row).await.unwrap();
                    written.insert(0, row);
                }
            }
        }
        assert_eq!(tx.list_events(assistant, 100).await.unwrap(), written);
    }

    async fn note_round_trips(db: TestStore) {
        let noted = EventRow { note: Some("Settings changed: ünï.".to_owned()), ..event(1) };
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_event(&noted).await.unwrap();
        let other = new_event(noted.assistant_id, noted.user_id, 2);
        tx.insert_event(&other).await.unwrap();
        assert_eq!(tx.list_events_after(noted.assistant_id, 0, 9).await.unwrap(), [noted, other]);
    }

    async fn events_are_listed_newest_first_up_to_limit(db: TestStore) {
        let (assistant, user) = (AssistantId::new(uuid()), UserId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        for sequence in [2, 1, 3] {
            tx.insert_event(&new_event(assistant, user, sequence)).await.unwrap();
        }
        tx.insert_event(&event(9)).await.unwrap();
        let newest = tx.list_events(assistant, 2).await.unwrap();
        assert_eq!(newest.iter().map(|row| row.sequence).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(tx.list_events(AssistantId::new(uuid()), 2).await.unwrap(), []);
    }

    async fn events_after_sequence_are_listed_oldest_first(db: TestStore) {
        let (assistant, user) = (AssistantId::new(uuid()), UserId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        for sequence in [4, 2, 1, 3] {
            tx.insert_event(&new_event(assistant, user, sequence)).await.unwrap();
        }
        tx.insert_event(&event(9)).await.unwrap();
        for (after, limit, expected) in [(0, 9, &[1, 2, 3, 4][..]), (1, 2, &[2, 3]), (4, 9, &[]), (i64::MAX, 9, &[])] {
            let found = tx.list_events_after(assistant, after, limit).await.unwrap();
            assert_eq!(found.iter().map(|row| row.sequence).collect::<Vec<_>>(), expected, "after {after}");
        }
    }

    async fn taken_sequence_is_unique_violation(db: TestStore) {
        let (assistant, user) = (AssistantId::new(uuid()), UserId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_event(&new_event(assistant, user, 1)).await.unwrap();
        tx.insert_event(&event(1)).await.unwrap();
        assert!(tx.insert_event(&new_event(assistant, user, 1)).await.unwrap_err().is_unique_violation());
    }

    async fn unknown_kind_or_status_is_corrupt(db: TestStore) {
        for sql in [
            "update events set kind = 'assistant.exploded' where id = $1",
            "update events set status = 'sleeping' where id = $1",
            "update events set status = '' where id = $1",
            "update events set previous_status = 'ACTIVE' where id = $1",
        ] {
            let row = event(1);
            let mut tx = db.store.begin().await.unwrap();
            tx.insert_event(&row).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(raw!(db, sql, row.id), 1);
            let found = db.store.read().await.unwrap().list_events(row.assistant_id, 10).await;
            assert_corrupt(found, "events", row.id);
        }
    }

    async fn prune_keeps_events_of_existing_assistants(db: TestStore) {
        let row = event(1);
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_event(&row).await.unwrap();
        assert_eq!(tx.prune_events(at(1_000_000_000)).await.unwrap(), 0);
        assert_eq!(tx.list_events(row.assistant_id, 10).await.unwrap(), [row]);
        assert_eq!(tx.prune_events(NOW).await.unwrap(), 0);
    }
}

#[test]
fn event_kinds_have_webhook_type_names() {
    assert_eq!(EventKind::StatusChanged.as_str(), "assistant.status_changed");
    assert_eq!(EventKind::Deleted.as_str(), "assistant.deleted");
}
