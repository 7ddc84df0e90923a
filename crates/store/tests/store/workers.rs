use reef_domain::ids::AssistantId;
use reef_store::{WorkerRow, on_both_databases};

use crate::support::{NOW, at, uuid, worker_name};

fn worker(generation: i64, polling: bool) -> WorkerRow {
    WorkerRow {
        worker_name: worker_name(),
        assistant_id: AssistantId::new(uuid()),
        generation,
        settings: vec![0, 1, 255],
        polling,
        poll_offset: 77,
        started_at: NOW,
    }
}

on_both_databases! {
    async fn worker_is_found_by_name_and_assistant(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for polling in [true, false] {
            let row = worker(1, polling);
            assert!(tx.upsert_worker(&row).await.unwrap());
            assert_eq!(tx.find_worker(&row.worker_name).await.unwrap().as_ref(), Some(&row));
            assert_eq!(tx.find_worker_by_assistant(row.assistant_id).await.unwrap(), Some(row));
        }
        assert_eq!(tx.find_worker("openclaw-none").await.unwrap(), None);
        assert_eq!(tx.find_worker_by_assistant(AssistantId::new(uuid())).await.unwrap(), None);
    }

    async fn worker_is_replaced_by_same_or_newer_run(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let mut row = worker(3, true);
        assert!(tx.upsert_worker(&row).await.unwrap());
        for generation in [3, 4] {
            row.generation = generation;
            row.settings.push(9);
            row.polling = !row.polling;
            row.poll_offset += 1;
            row.started_at = at(generation);
            assert!(tx.upsert_worker(&row).await.unwrap());
            assert_eq!(tx.find_worker(&row.worker_name).await.unwrap().as_ref(), Some(&row));
        }
        let late = WorkerRow { generation: 3, settings: b"late".to_vec(), ..row.clone() };
        assert!(!tx.upsert_worker(&late).await.unwrap());
        assert_eq!(tx.find_worker(&row.worker_name).await.unwrap(), Some(row));
    }

    async fn second_worker_of_assistant_is_refused(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let row = worker(1, true);
        assert!(tx.upsert_worker(&row).await.unwrap());
        let second = WorkerRow { worker_name: worker_name(), generation: 2, ..row };
        assert!(tx.upsert_worker(&second).await.unwrap_err().is_unique_violation());
    }

    async fn worker_is_deleted_by_same_or_newer_run(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let bystander = worker(1, true);
        tx.upsert_worker(&bystander).await.unwrap();
        for (generation, gone) in [(2, false), (3, true), (4, true)] {
            let row = worker(3, true);
            tx.upsert_worker(&row).await.unwrap();
            assert_eq!(tx.delete_worker(&row.worker_name, generation).await.unwrap(), gone, "{generation}");
            assert_eq!(tx.find_worker(&row.worker_name).await.unwrap().is_none(), gone, "{generation}");
            assert_eq!(tx.delete_worker(&row.worker_name, 9).await.unwrap(), !gone, "{generation}");
        }
        assert!(!tx.delete_worker("openclaw-none", 9).await.unwrap());
        assert_eq!(tx.find_worker(&bystander.worker_name).await.unwrap(), Some(bystander));
    }

    async fn polling_lease_is_exclusive_until_it_lapses(db: TestStore) {
        let (row, holder, rival) = (worker(2, true), uuid(), uuid());
        let name = row.worker_name.as_str();
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&row).await.unwrap();
        assert!(tx.claim_polling_lease(name, 2, holder, NOW, at(100)).await.unwrap());
        assert!(!tx.claim_polling_lease(name, 2, rival, at(99), at(199)).await.unwrap());
        // The holder can renew a lapsed lease that no other process has taken.
        assert!(tx.claim_polling_lease(name, 2, holder, at(50), at(150)).await.unwrap());
        assert!(tx.claim_polling_lease(name, 2, holder, at(151), at(251)).await.unwrap());
        assert!(tx.claim_polling_lease(name, 2, rival, at(251), at(351)).await.unwrap());
        assert!(!tx.claim_polling_lease(name, 2, holder, at(260), at(360)).await.unwrap());
    }

    async fn polling_lease_needs_current_run_and_polling(db: TestStore) {
        let (polling, pushed) = (worker(2, true), worker(2, false));
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&polling).await.unwrap();
        tx.upsert_worker(&pushed).await.unwrap();
        for generation in [1, 3] {
            assert!(!tx.claim_polling_lease(&polling.worker_name, generation, uuid(), NOW, at(9)).await.unwrap());
        }
        assert!(!tx.claim_polling_lease(&pushed.worker_name, 2, uuid(), NOW, at(9)).await.unwrap());
        assert!(!tx.claim_polling_lease("openclaw-none", 2, uuid(), NOW, at(9)).await.unwrap());
    }

    async fn new_run_ends_polling_lease(db: TestStore) {
        let (mut row, holder, rival) = (worker(1, true), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&row).await.unwrap();
        assert!(tx.claim_polling_lease(&row.worker_name, 1, holder, NOW, at(100)).await.unwrap());
        row.generation = 2;
        tx.upsert_worker(&row).await.unwrap();
        assert!(!tx.claim_polling_lease(&row.worker_name, 1, holder, at(1), at(101)).await.unwrap());
        assert!(tx.claim_polling_lease(&row.worker_name, 2, rival, at(1), at(101)).await.unwrap());
    }

    async fn postponed_polling_survives_restart_until_redeployment(db: TestStore) {
        let row = worker(1, true);
        let (holder, restarted) = (uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&row).await.unwrap();
        tx.postpone_polling(&row.worker_name, holder, at(500)).await.unwrap();
        assert!(tx.claim_polling_lease(&row.worker_name, 1, holder, NOW, at(100)).await.unwrap(), "the lease was released");
        tx.postpone_polling(&row.worker_name, holder, at(500)).await.unwrap();
        tx.release_other_polling_leases(restarted).await.unwrap();
        for token in [holder, restarted] {
            assert!(!tx.claim_polling_lease(&row.worker_name, 1, token, at(499), at(900)).await.unwrap());
        }
        assert_eq!(tx.list_unpolled_workers(at(499), 9).await.unwrap(), []);
        assert!(tx.claim_polling_lease(&row.worker_name, 1, restarted, at(500), at(900)).await.unwrap());
        tx.postpone_polling(&row.worker_name, restarted, at(900)).await.unwrap();
        tx.upsert_worker(&WorkerRow { generation: 2, ..row.clone() }).await.unwrap();
        assert!(tx.claim_polling_lease(&row.worker_name, 2, holder, NOW, at(100)).await.unwrap());
    }

    async fn unpolled_workers_are_listed_by_name_up_to_limit(db: TestStore) {
        let rows = [worker(1, true), worker(1, true), worker(1, true)];
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&worker(1, false)).await.unwrap();
        for row in rows.iter().rev() {
            tx.upsert_worker(row).await.unwrap();
        }
        assert_eq!(tx.list_unpolled_workers(NOW, 10).await.unwrap(), rows);
        assert_eq!(tx.list_unpolled_workers(NOW, 2).await.unwrap(), rows[..2]);
        assert!(tx.claim_polling_lease(&rows[0].worker_name, 1, uuid(), NOW, at(100)).await.unwrap());
        assert_eq!(tx.list_unpolled_workers(at(99), 10).await.unwrap(), rows[1..]);
        assert_eq!(tx.list_unpolled_workers(at(100), 10).await.unwrap(), rows);
    }

    async fn poll_offset_needs_lease_of_current_run(db: TestStore) {
        let (row, other, holder) = (worker(2, true), worker(2, true), uuid());
        let name = row.worker_name.as_str();
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&row).await.unwrap();
        tx.upsert_worker(&other).await.unwrap();
        assert!(!tx.update_poll_offset(name, 2, holder, 500).await.unwrap());
        assert!(tx.claim_polling_lease(name, 2, holder, NOW, at(100)).await.unwrap());
        assert!(!tx.update_poll_offset(name, 1, holder, 500).await.unwrap());
        assert!(!tx.update_poll_offset(name, 3, holder, 500).await.unwrap());
        assert!(!tx.update_poll_offset(name, 2, uuid(), 500).await.unwrap());
        assert_eq!(tx.find_worker(name).await.unwrap().unwrap().poll_offset, 77);
        assert!(tx.update_poll_offset(name, 2, holder, 5_000_000_000).await.unwrap());
        assert_eq!(tx.find_worker(name).await.unwrap().unwrap().poll_offset, 5_000_000_000);
        assert_eq!(tx.find_worker(&other.worker_name).await.unwrap().unwrap().poll_offset, 77);
    }

    async fn released_polling_lease_is_available_at_once(db: TestStore) {
        let (row, holder, rival) = (worker(1, true), uuid(), uuid());
        let name = row.worker_name.as_str();
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&row).await.unwrap();
        assert!(tx.claim_polling_lease(name, 1, holder, NOW, at(100)).await.unwrap());
        tx.release_polling_lease(name, rival).await.unwrap();
        assert!(!tx.claim_polling_lease(name, 1, rival, at(1), at(101)).await.unwrap());
        tx.release_polling_lease(name, holder).await.unwrap();
        assert!(!tx.update_poll_offset(name, 1, holder, 500).await.unwrap());
        assert!(tx.claim_polling_lease(name, 1, rival, at(1), at(101)).await.unwrap());
    }

    async fn polling_leases_of_earlier_process_are_released(db: TestStore) {
        let (rows, holder, before) = ([worker(1, true), worker(1, true), worker(1, true)], uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        for row in &rows {
            tx.upsert_worker(row).await.unwrap();
        }
        assert!(tx.claim_polling_lease(&rows[0].worker_name, 1, holder, NOW, at(100)).await.unwrap());
        assert!(tx.claim_polling_lease(&rows[1].worker_name, 1, before, NOW, at(100)).await.unwrap());
        assert_eq!(tx.release_other_polling_leases(holder).await.unwrap(), 1);
        assert_eq!(tx.release_other_polling_leases(holder).await.unwrap(), 0);
        assert_eq!(tx.list_unpolled_workers(NOW, 10).await.unwrap(), rows[1..]);
    }

    async fn generations_of_named_workers_are_listed(db: TestStore) {
        let (one, two, three) = (worker(1, true), worker(2, false), worker(3, true));
        let mut tx = db.store.begin().await.unwrap();
        for row in [&one, &two, &three] {
            tx.upsert_worker(row).await.unwrap();
        }
        let names = [three.worker_name.as_str(), one.worker_name.as_str(), "openclaw-'\"none"];
        let mut found = tx.list_worker_generations(&names).await.unwrap();
        found.sort();
        assert_eq!(found, [(one.worker_name, 1), (three.worker_name, 3)]);
        assert_eq!(tx.list_worker_generations(&[]).await.unwrap(), []);
    }

    async fn concurrent_polling_claims_succeed_once(db: TestStore) {
        let row = worker(1, true);
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&row).await.unwrap();
        tx.commit().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let (store, name) = (db.store.clone(), row.worker_name.clone());
            tasks.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let leased = tx.claim_polling_lease(&name, 1, uuid(), NOW, at(100)).await.unwrap();
                tx.commit().await.unwrap();
                leased
            });
        }
        let leased = tasks.join_all().await;
        assert_eq!(leased.into_iter().filter(|leased| *leased).count(), 1);
    }
}
