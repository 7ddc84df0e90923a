use reef_domain::ids::{AssistantId, EventId, UserId};
use reef_domain::wire::Status;
use reef_store::{EventKind, EventRow, on_both_databases};

use crate::support::{NOW, assert_corrupt, at, raw, uuid};

/// An event that is not stored.
pub fn event(assistant_id: AssistantId, user_id: UserId, sequence: i64) -> EventRow {
    EventRow {
        id: EventId::new(uuid()),
        assistant_id,
        user_id,
        sequence,
        kind: EventKind::StatusChanged,
        status: Status::Active,
        previous_status: Some(Status::Deploying),
        status_message: None,
        worker_url: Some("https://w".to_owned()),
        created_at: at(sequence),
    }
}

fn of_nobody(sequence: i64) -> EventRow {
    event(AssistantId::new(uuid()), UserId::new(uuid()), sequence)
}

on_both_databases! {
    async fn every_kind_and_status_is_read_as_it_was_written(db: TestStore) {
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
                        ..event(assistant, user, sequence)
                    };
                    tx.insert_event(&row).await.unwrap();
                    written.insert(0, row);
                }
            }
        }
        assert_eq!(tx.events_of(assistant, 100).await.unwrap(), written);
    }

    async fn a_timeline_is_read_newest_first_up_to_the_limit(db: TestStore) {
        let (assistant, user) = (AssistantId::new(uuid()), UserId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        for sequence in [2, 1, 3] {
            tx.insert_event(&event(assistant, user, sequence)).await.unwrap();
        }
        tx.insert_event(&of_nobody(9)).await.unwrap();
        let newest = tx.events_of(assistant, 2).await.unwrap();
        assert_eq!(newest.iter().map(|row| row.sequence).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(tx.events_of(AssistantId::new(uuid()), 2).await.unwrap(), []);
    }

    async fn a_timeline_goes_on_after_a_sequence_oldest_first_up_to_the_limit(db: TestStore) {
        let (assistant, user) = (AssistantId::new(uuid()), UserId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        for sequence in [4, 2, 1, 3] {
            tx.insert_event(&event(assistant, user, sequence)).await.unwrap();
        }
        tx.insert_event(&of_nobody(9)).await.unwrap();
        for (after, limit, expected) in [(0, 9, &[1, 2, 3, 4][..]), (1, 2, &[2, 3]), (4, 9, &[]), (i64::MAX, 9, &[])] {
            let found = tx.events_after(assistant, after, limit).await.unwrap();
            assert_eq!(found.iter().map(|row| row.sequence).collect::<Vec<_>>(), expected, "after {after}");
        }
    }

    async fn a_taken_sequence_is_a_unique_violation(db: TestStore) {
        let (assistant, user) = (AssistantId::new(uuid()), UserId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_event(&event(assistant, user, 1)).await.unwrap();
        tx.insert_event(&of_nobody(1)).await.unwrap();
        assert!(tx.insert_event(&event(assistant, user, 1)).await.unwrap_err().is_unique_violation());
    }

    async fn an_entry_with_an_unknown_kind_or_status_is_corrupt(db: TestStore) {
        for sql in [
            "update events set kind = 'assistant.exploded' where id = $1",
            "update events set status = 'sleeping' where id = $1",
            "update events set status = '' where id = $1",
            "update events set previous_status = 'ACTIVE' where id = $1",
        ] {
            let row = of_nobody(1);
            let mut tx = db.store.begin().await.unwrap();
            tx.insert_event(&row).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(raw!(db, sql, row.id), 1);
            let found = db.store.read().await.unwrap().events_of(row.assistant_id, 10).await;
            assert_corrupt(found, "events", row.id);
        }
    }

    async fn nothing_is_pruned_of_assistants_that_were_not_deleted(db: TestStore) {
        let row = of_nobody(1);
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_event(&row).await.unwrap();
        assert_eq!(tx.prune_events(at(1_000_000_000)).await.unwrap(), 0);
        assert_eq!(tx.events_of(row.assistant_id, 10).await.unwrap(), [row]);
        assert_eq!(tx.prune_events(NOW).await.unwrap(), 0);
    }
}

#[test]
fn the_kinds_are_called_as_the_callbacks_name_them() {
    assert_eq!(EventKind::StatusChanged.as_str(), "assistant.status_changed");
    assert_eq!(EventKind::Deleted.as_str(), "assistant.deleted");
}
