use reef_domain::ids::AssistantId;
use reef_store::{WorkerRow, on_both_databases};
use tokio::task::JoinSet;

use crate::bot_updates::{claim, update};
use crate::support::{NOW, at, uuid, worker_name};

on_both_databases! {
    async fn chat_has_one_lease_and_chats_are_independent(db: TestStore) {
        let (assistant, holder, rival) = (AssistantId::new(uuid()), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        for (chat, number) in [(1, 10), (1, 11), (2, 12)] {
            tx.insert_bot_update(&update(assistant, chat, number), NOW).await.unwrap();
        }
        assert_eq!(claim(&mut tx, assistant, 1, holder).await.map(|row| row.update_id), Some(10));
        assert_eq!(claim(&mut tx, assistant, 1, rival).await, None);
        assert_eq!(claim(&mut tx, assistant, 1, holder).await, None);
        assert_eq!(claim(&mut tx, assistant, 2, rival).await.map(|row| row.update_id), Some(12));
        // A late update with a lower number does not start a second turn in the same chat.
        tx.insert_bot_update(&update(assistant, 1, 9), NOW).await.unwrap();
        assert_eq!(claim(&mut tx, assistant, 1, rival).await, None);
    }

    async fn lapsed_lease_is_claimed_as_another_attempt(db: TestStore) {
        let (assistant, holder, rival) = (AssistantId::new(uuid()), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
        assert!(claim(&mut tx, assistant, 1, holder).await.is_some());
        assert_eq!(tx.claim_bot_update(assistant, 1, rival, at(99), at(199)).await.unwrap(), None);
        let row = tx.claim_bot_update(assistant, 1, rival, at(100), at(200)).await.unwrap().unwrap();
        assert_eq!(row.attempts, 2);
    }

    async fn lease_is_renewed_only_for_current_run(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let worker = WorkerRow {
            worker_name: worker_name(),
            assistant_id: assistant,
            generation: 2,
            settings: vec![],
            polling: false,
            poll_offset: 0,
            started_at: NOW,
        };
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&worker).await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
        let id = claim(&mut tx, assistant, 1, token).await.unwrap().id;
        assert!(tx.renew_bot_update_lease(id, token, 2, at(300)).await.unwrap());
        assert_eq!(tx.claim_bot_update(assistant, 1, uuid(), at(299), at(400)).await.unwrap(), None);
        for generation in [1, 3] {
            assert!(!tx.renew_bot_update_lease(id, token, generation, at(900)).await.unwrap());
        }
        assert!(tx.delete_worker(&worker.worker_name, 2).await.unwrap());
        assert!(!tx.renew_bot_update_lease(id, token, 2, at(900)).await.unwrap());
        assert!(tx.claim_bot_update(assistant, 1, uuid(), at(300), at(400)).await.unwrap().is_some());
    }

    async fn retried_update_delays_its_chat(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 2), NOW).await.unwrap();
        let id = claim(&mut tx, assistant, 1, token).await.unwrap().id;
        tx.retry_bot_update(id, token, at(500)).await.unwrap();
        assert_eq!(tx.claim_bot_update(assistant, 1, token, at(499), at(600)).await.unwrap(), None);
        let row = tx.claim_bot_update(assistant, 1, token, at(500), at(600)).await.unwrap().unwrap();
        assert_eq!((row.id, row.attempts), (id, 2));
    }

    async fn released_update_counts_no_attempt(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
        for _ in 0..3 {
            let row = claim(&mut tx, assistant, 1, token).await.unwrap();
            assert_eq!(row.attempts, 1);
            tx.release_bot_update(row.id, token).await.unwrap();
        }
        assert_eq!(tx.count_open_bot_updates(assistant).await.unwrap(), 1);
    }

    async fn leases_of_earlier_process_are_released(db: TestStore) {
        let (assistant, holder, before) = (AssistantId::new(uuid()), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        for chat in 1..=3 {
            tx.insert_bot_update(&update(assistant, chat, chat), NOW).await.unwrap();
        }
        assert!(claim(&mut tx, assistant, 1, holder).await.is_some());
        assert!(claim(&mut tx, assistant, 2, before).await.is_some());
        // An update that waits for a retry has no lease and is not released.
        let resting = claim(&mut tx, assistant, 3, before).await.unwrap();
        tx.retry_bot_update(resting.id, before, at(500)).await.unwrap();
        assert_eq!(tx.release_other_bot_update_leases(holder).await.unwrap(), 1);
        assert_eq!(tx.release_other_bot_update_leases(holder).await.unwrap(), 0);
        assert_eq!(claim(&mut tx, assistant, 1, before).await, None);
        assert!(claim(&mut tx, assistant, 2, holder).await.is_some());
        assert_eq!(claim(&mut tx, assistant, 3, holder).await, None);
    }

    async fn concurrent_claims_of_one_chat_succeed_once(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 2), NOW).await.unwrap();
        tx.commit().await.unwrap();
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let store = db.store.clone();
            tasks.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let row = claim(&mut tx, assistant, 1, uuid()).await;
                tx.commit().await.unwrap();
                row.map(|row| row.update_id)
            });
        }
        let claimed: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(claimed, [1]);
    }

    async fn concurrent_inserts_of_one_update_store_it_once(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let store = db.store.clone();
            tasks.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let new = tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
                tx.commit().await.unwrap();
                new
            });
        }
        let new = tasks.join_all().await;
        assert_eq!(new.into_iter().filter(|new| *new).count(), 1);
    }
}
