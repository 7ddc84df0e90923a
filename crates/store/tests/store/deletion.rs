use reef_domain::State;
use reef_domain::ids::{AssistantId, UpdateRowId, UserId};
use reef_store::{NewUpdate, Secrets, TurnRow, Tx, WorkerRow, on_both_databases};

use crate::events::event;
use crate::support::{NOW, add_assistant, add_user, at, raw_rows, run, uuid};

/// An assistant with a worker, secrets, a conversation and an open update.
async fn add_living(tx: &mut Tx, user: UserId) -> AssistantId {
    let run = run(1);
    let state = State::Active { run: run.clone(), worker_url: "https://w".to_owned() };
    let id = add_assistant(tx, user, state, NOW).await.id;
    let worker = WorkerRow {
        worker_name: run.worker_name,
        assistant_id: id,
        generation: 1,
        settings: b"sealed settings".to_vec(),
        polling: true,
        poll_offset: 0,
        started_at: NOW,
    };
    assert!(tx.put_worker(&worker).await.expect("upsert should succeed"));
    let secrets = Secrets { bot_token: Some(b"sealed token".to_vec()), ..Secrets::default() };
    tx.set_secrets(id, &secrets).await.expect("update should succeed");
    let turn = TurnRow { role: "user".to_owned(), content: "hello".to_owned() };
    tx.append_turn(id, 5, &turn, NOW).await.expect("append should succeed");
    let update = NewUpdate {
        id: UpdateRowId::new(uuid()),
        assistant_id: id,
        bot_id: 7,
        update_id: 1,
        chat_id: 5,
        body: "{}".to_owned(),
        media_group_id: None,
        not_before: None,
    };
    assert!(tx.insert_update(&update, NOW).await.expect("insert should succeed"));
    tx.migrate_chat(id, -5, -1_005).await.expect("migration should succeed");
    id
}

on_both_databases! {
    async fn deleting_destroys_secrets_chats_updates_and_the_worker(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (gone, kept) = (add_living(&mut tx, user).await, add_living(&mut tx, user).await);
        assert!(tx.delete_assistant(gone, user, NOW).await.unwrap());
        assert_eq!(tx.assistant(gone).await.unwrap(), None);
        assert_eq!(tx.secrets(gone).await.unwrap(), Secrets::default());
        assert_eq!(tx.worker_of(gone).await.unwrap(), None);
        tx.commit().await.unwrap();
        let left = raw_rows!(
            db,
            (String, AssistantId),
            "select 'assistants', id from assistants union all select 'workers', assistant_id from workers
             union all select 'updates', assistant_id from bot_updates
             union all select 'migrations', assistant_id from chat_migrations
             union all select 'turns', assistant_id from conversation_messages order by 1",
        );
        let expected = ["assistants", "migrations", "turns", "updates", "workers"].map(|table| (table.to_owned(), kept));
        assert_eq!(left, expected);
    }

    async fn a_deleted_assistant_leaves_a_tombstone_and_can_be_deleted_once(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (gone, kept) = (add_living(&mut tx, user).await, add_living(&mut tx, user).await);
        assert!(!tx.is_tombstone(gone).await.unwrap());
        assert!(tx.delete_assistant(gone, user, NOW).await.unwrap());
        assert!(!tx.delete_assistant(gone, user, at(9)).await.unwrap());
        assert!(tx.is_tombstone(gone).await.unwrap());
        assert!(!tx.is_tombstone(kept).await.unwrap());
        assert!(!tx.is_tombstone(AssistantId::new(uuid())).await.unwrap());
        tx.commit().await.unwrap();
        let tombstones = raw_rows!(
            db,
            (AssistantId, UserId, reef_domain::Timestamp),
            "select assistant_id, user_id, deleted_at from tombstones",
        );
        assert_eq!(tombstones, [(gone, user, NOW)]);
    }

    async fn a_deletion_that_is_not_committed_has_not_happened(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let id = add_living(&mut tx, user).await;
        tx.commit().await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.delete_assistant(id, user, NOW).await.unwrap());
        drop(tx);
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.assistant(id).await.unwrap().is_some());
        assert!(tx.worker_of(id).await.unwrap().is_some());
        assert_eq!(tx.count_open_updates(id).await.unwrap(), 1);
        assert_eq!(tx.recent_turns(id, 5, 10).await.unwrap().len(), 1);
        assert!(!tx.is_tombstone(id).await.unwrap());
    }

    async fn the_timeline_outlives_its_assistant_until_it_is_pruned(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (gone, kept) = (add_living(&mut tx, user).await, add_living(&mut tx, user).await);
        for id in [gone, kept] {
            tx.insert_event(&event(id, user, 1)).await.unwrap();
            tx.insert_event(&event(id, user, 2)).await.unwrap();
        }
        tx.delete_assistant(gone, user, NOW).await.unwrap();
        assert_eq!(tx.events_of(gone, 10).await.unwrap().len(), 2);
        assert_eq!(tx.prune_events(NOW).await.unwrap(), 0);
        assert_eq!(tx.prune_events(at(1)).await.unwrap(), 2);
        assert_eq!(tx.prune_events(at(1)).await.unwrap(), 0);
        assert_eq!(tx.events_of(gone, 10).await.unwrap(), []);
        assert_eq!(tx.events_of(kept, 10).await.unwrap().len(), 2);
        // The tombstone stays, because a payment may still arrive.
        assert!(tx.is_tombstone(gone).await.unwrap());
    }
}
