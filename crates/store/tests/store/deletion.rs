use reef_domain::State;
use reef_domain::ids::{AssistantId, UpdateRowId, UserId};
use reef_store::{ConversationKey, MessageRow, NewBotUpdate, Secrets, Tx, WorkerRow, on_both_databases};

use crate::events::new_event;
use crate::support::{NOW, add_assistant, add_user, at, raw_rows, run, uuid};

/// An assistant with a worker, secrets, a conversation and an open update.
async fn add_assistant_with_everything(tx: &mut Tx, user: UserId) -> AssistantId {
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
    assert!(tx.upsert_worker(&worker).await.expect("upsert should succeed"));
    let secrets = Secrets { bot_token: Some(b"sealed token".to_vec()), ..Secrets::default() };
    tx.update_secrets(id, &secrets).await.expect("update should succeed");
    let turn = MessageRow { role: "user".to_owned(), content: "hello".to_owned() };
    tx.append_message(id, ConversationKey::of_chat(5), &turn, NOW).await.expect("append should succeed");
    let update = NewBotUpdate {
        id: UpdateRowId::new(uuid()),
        assistant_id: id,
        bot_id: 7,
        update_id: 1,
        chat_id: 5,
        body: "{}".to_owned(),
        media_group_id: None,
        not_before: None,
    };
    assert!(tx.insert_bot_update(&update, NOW).await.expect("insert should succeed"));
    tx.migrate_chat(id, -5, -1_005).await.expect("migration should succeed");
    id
}

on_both_databases! {
    async fn deletion_removes_secrets_conversations_updates_and_worker(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (gone, kept) = (add_assistant_with_everything(&mut tx, user).await, add_assistant_with_everything(&mut tx, user).await);
        assert!(tx.delete_assistant(gone, user, NOW).await.unwrap());
        assert_eq!(tx.find_assistant(gone).await.unwrap(), None);
        assert_eq!(tx.get_secrets(gone).await.unwrap(), Secrets::default());
        assert_eq!(tx.find_worker_by_assistant(gone).await.unwrap(), None);
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

    async fn deletion_leaves_tombstone_and_happens_once(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (gone, kept) = (add_assistant_with_everything(&mut tx, user).await, add_assistant_with_everything(&mut tx, user).await);
        assert!(!tx.is_assistant_deleted(gone).await.unwrap());
        assert!(tx.delete_assistant(gone, user, NOW).await.unwrap());
        assert!(!tx.delete_assistant(gone, user, at(9)).await.unwrap());
        assert!(tx.is_assistant_deleted(gone).await.unwrap());
        assert!(!tx.is_assistant_deleted(kept).await.unwrap());
        assert!(!tx.is_assistant_deleted(AssistantId::new(uuid())).await.unwrap());
        tx.commit().await.unwrap();
        let tombstones = raw_rows!(
            db,
            (AssistantId, UserId, reef_domain::Timestamp),
            "select assistant_id, user_id, deleted_at from tombstones",
        );
        assert_eq!(tombstones, [(gone, user, NOW)]);
    }

    async fn uncommitted_deletion_changes_nothing(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let id = add_assistant_with_everything(&mut tx, user).await;
        tx.commit().await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.delete_assistant(id, user, NOW).await.unwrap());
        drop(tx);
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.find_assistant(id).await.unwrap().is_some());
        assert!(tx.find_worker_by_assistant(id).await.unwrap().is_some());
        assert_eq!(tx.count_open_bot_updates(id).await.unwrap(), 1);
        assert_eq!(tx.list_recent_messages(id, ConversationKey::of_chat(5), 10).await.unwrap().len(), 1);
        assert!(!tx.is_assistant_deleted(id).await.unwrap());
    }

    async fn events_outlive_assistant_until_pruned(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (gone, kept) = (add_assistant_with_everything(&mut tx, user).await, add_assistant_with_everything(&mut tx, user).await);
        for id in [gone, kept] {
            tx.insert_event(&new_event(id, user, 1)).await.unwrap();
            tx.insert_event(&new_event(id, user, 2)).await.unwrap();
        }
        tx.delete_assistant(gone, user, NOW).await.unwrap();
        assert_eq!(tx.list_events(gone, 10).await.unwrap().len(), 2);
        assert_eq!(tx.prune_events(NOW).await.unwrap(), 0);
        assert_eq!(tx.prune_events(at(1)).await.unwrap(), 2);
        assert_eq!(tx.prune_events(at(1)).await.unwrap(), 0);
        assert_eq!(tx.list_events(gone, 10).await.unwrap(), []);
        assert_eq!(tx.list_events(kept, 10).await.unwrap().len(), 2);
        // The tombstone stays, because a payment may still arrive.
        assert!(tx.is_assistant_deleted(gone).await.unwrap());
    }
}
