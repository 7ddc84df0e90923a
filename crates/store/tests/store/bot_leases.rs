use reef_domain::ids::AssistantId;
use reef_store::{WorkerRow, on_both_databases};
use tokio::task::JoinSet;

use crate::bots::{claim, update};
use crate::support::{NOW, at, uuid, worker_name};

on_both_databases! {
    async fn a_chat_is_worked_on_by_one_at_a_time_and_chats_beside_each_other(db: TestStore) {
        let (assistant, holder, rival) = (AssistantId::new(uuid()), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        for (chat, number) in [(1, 10), (1, 11), (2, 12)] {
            tx.insert_update(&update(assistant, chat, number), NOW).await.unwrap();
        }
        assert_eq!(claim(&mut tx, assistant, 1, holder).await.map(|row| row.update_id), Some(10));
        assert_eq!(claim(&mut tx, assistant, 1, rival).await, None);
        assert_eq!(claim(&mut tx, assistant, 1, holder).await, None);
        assert_eq!(claim(&mut tx, assistant, 2, rival).await.map(|row| row.update_id), Some(12));
        // A late update with a lower number does not start a second turn in the same chat.
        tx.insert_update(&update(assistant, 1, 9), NOW).await.unwrap();
        assert_eq!(claim(&mut tx, assistant, 1, rival).await, None);
    }

    async fn a_lapsed_lease_is_another_ones_and_counts_a_further_attempt(db: TestStore) {
        let (assistant, holder, rival) = (AssistantId::new(uuid()), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_update(&update(assistant, 1, 1), NOW).await.unwrap();
        assert!(claim(&mut tx, assistant, 1, holder).await.is_some());
        assert_eq!(tx.claim_update(assistant, 1, rival, at(99), at(199)).await.unwrap(), None);
        let row = tx.claim_update(assistant, 1, rival, at(100), at(200)).await.unwrap().unwrap();
        assert_eq!(row.attempts, 2);
    }

    async fn a_lease_is_kept_only_while_its_run_has_the_worker(db: TestStore) {
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
        tx.put_worker(&worker).await.unwrap();
        tx.insert_update(&update(assistant, 1, 1), NOW).await.unwrap();
        let id = claim(&mut tx, assistant, 1, token).await.unwrap().id;
        assert!(tx.renew_update(id, token, 2, at(300)).await.unwrap());
        assert_eq!(tx.claim_update(assistant, 1, uuid(), at(299), at(400)).await.unwrap(), None);
        for generation in [1, 3] {
            assert!(!tx.renew_update(id, token, generation, at(900)).await.unwrap());
        }
        assert!(tx.delete_worker(&worker.worker_name, 2).await.unwrap());
        assert!(!tx.renew_update(id, token, 2, at(900)).await.unwrap());
        assert!(tx.claim_update(assistant, 1, uuid(), at(300), at(400)).await.unwrap().is_some());
    }

    async fn a_failed_update_rests_and_its_chat_with_it(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_update(&update(assistant, 1, 1), NOW).await.unwrap();
        tx.insert_update(&update(assistant, 1, 2), NOW).await.unwrap();
        let id = claim(&mut tx, assistant, 1, token).await.unwrap().id;
        tx.rest_update(id, token, at(500)).await.unwrap();
        assert_eq!(tx.claim_update(assistant, 1, token, at(499), at(600)).await.unwrap(), None);
        let row = tx.claim_update(assistant, 1, token, at(500), at(600)).await.unwrap().unwrap();
        assert_eq!((row.id, row.attempts), (id, 2));
    }

    async fn an_update_handed_back_is_as_if_it_had_not_been_begun(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_update(&update(assistant, 1, 1), NOW).await.unwrap();
        for _ in 0..3 {
            let row = claim(&mut tx, assistant, 1, token).await.unwrap();
            assert_eq!(row.attempts, 1);
            tx.hand_back_update(row.id, token).await.unwrap();
        }
        assert_eq!(tx.count_open_updates(assistant).await.unwrap(), 1);
    }

    async fn a_process_that_is_alone_frees_the_updates_of_the_one_before_it(db: TestStore) {
        let (assistant, holder, before) = (AssistantId::new(uuid()), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        for chat in 1..=3 {
            tx.insert_update(&update(assistant, chat, chat), NOW).await.unwrap();
        }
        assert!(claim(&mut tx, assistant, 1, holder).await.is_some());
        assert!(claim(&mut tx, assistant, 2, before).await.is_some());
        // An update that waits for a retry has no lease and is not released.
        let resting = claim(&mut tx, assistant, 3, before).await.unwrap();
        tx.rest_update(resting.id, before, at(500)).await.unwrap();
        assert_eq!(tx.free_update_leases(holder).await.unwrap(), 1);
        assert_eq!(tx.free_update_leases(holder).await.unwrap(), 0);
        assert_eq!(claim(&mut tx, assistant, 1, before).await, None);
        assert!(claim(&mut tx, assistant, 2, holder).await.is_some());
        assert_eq!(claim(&mut tx, assistant, 3, holder).await, None);
    }

    async fn of_many_at_once_one_gets_the_chat(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_update(&update(assistant, 1, 1), NOW).await.unwrap();
        tx.insert_update(&update(assistant, 1, 2), NOW).await.unwrap();
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

    async fn the_same_update_from_many_senders_at_once_is_taken_in_once(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let store = db.store.clone();
            tasks.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let new = tx.insert_update(&update(assistant, 1, 1), NOW).await.unwrap();
                tx.commit().await.unwrap();
                new
            });
        }
        let new = tasks.join_all().await;
        assert_eq!(new.into_iter().filter(|new| *new).count(), 1);
    }
}
