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
    async fn a_worker_is_found_by_its_name_and_its_assistant(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for polling in [true, false] {
            let row = worker(1, polling);
            assert!(tx.put_worker(&row).await.unwrap());
            assert_eq!(tx.worker(&row.worker_name).await.unwrap().as_ref(), Some(&row));
            assert_eq!(tx.worker_of(row.assistant_id).await.unwrap(), Some(row));
        }
        assert_eq!(tx.worker("openclaw-none").await.unwrap(), None);
        assert_eq!(tx.worker_of(AssistantId::new(uuid())).await.unwrap(), None);
    }

    async fn a_worker_is_replaced_by_its_own_or_a_newer_run_never_by_an_older_one(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let mut row = worker(3, true);
        assert!(tx.put_worker(&row).await.unwrap());
        for generation in [3, 4] {
            row.generation = generation;
            row.settings.push(9);
            row.polling = !row.polling;
            row.poll_offset += 1;
            row.started_at = at(generation);
            assert!(tx.put_worker(&row).await.unwrap());
            assert_eq!(tx.worker(&row.worker_name).await.unwrap().as_ref(), Some(&row));
        }
        let late = WorkerRow { generation: 3, settings: b"late".to_vec(), ..row.clone() };
        assert!(!tx.put_worker(&late).await.unwrap());
        assert_eq!(tx.worker(&row.worker_name).await.unwrap(), Some(row));
    }

    async fn an_assistant_has_one_worker(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let row = worker(1, true);
        assert!(tx.put_worker(&row).await.unwrap());
        let second = WorkerRow { worker_name: worker_name(), generation: 2, ..row };
        assert!(tx.put_worker(&second).await.unwrap_err().is_unique_violation());
    }

    async fn a_worker_is_removed_by_its_own_or_a_newer_run_never_by_an_older_one(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let bystander = worker(1, true);
        tx.put_worker(&bystander).await.unwrap();
        for (generation, gone) in [(2, false), (3, true), (4, true)] {
            let row = worker(3, true);
            tx.put_worker(&row).await.unwrap();
            assert_eq!(tx.delete_worker(&row.worker_name, generation).await.unwrap(), gone, "{generation}");
            assert_eq!(tx.worker(&row.worker_name).await.unwrap().is_none(), gone, "{generation}");
            assert_eq!(tx.delete_worker(&row.worker_name, 9).await.unwrap(), !gone, "{generation}");
        }
        assert!(!tx.delete_worker("openclaw-none", 9).await.unwrap());
        assert_eq!(tx.worker(&bystander.worker_name).await.unwrap(), Some(bystander));
    }

    async fn one_poller_holds_a_worker_until_its_lease_lapses(db: TestStore) {
        let (row, holder, rival) = (worker(2, true), uuid(), uuid());
        let name = row.worker_name.as_str();
        let mut tx = db.store.begin().await.unwrap();
        tx.put_worker(&row).await.unwrap();
        assert!(tx.lease_polling(name, 2, holder, NOW, at(100)).await.unwrap());
        assert!(!tx.lease_polling(name, 2, rival, at(99), at(199)).await.unwrap());
        // The holder can renew a lapsed lease that no other process has taken.
        assert!(tx.lease_polling(name, 2, holder, at(50), at(150)).await.unwrap());
        assert!(tx.lease_polling(name, 2, holder, at(151), at(251)).await.unwrap());
        assert!(tx.lease_polling(name, 2, rival, at(251), at(351)).await.unwrap());
        assert!(!tx.lease_polling(name, 2, holder, at(260), at(360)).await.unwrap());
    }

    async fn only_the_current_run_of_a_polling_worker_is_leased(db: TestStore) {
        let (polling, pushed) = (worker(2, true), worker(2, false));
        let mut tx = db.store.begin().await.unwrap();
        tx.put_worker(&polling).await.unwrap();
        tx.put_worker(&pushed).await.unwrap();
        for generation in [1, 3] {
            assert!(!tx.lease_polling(&polling.worker_name, generation, uuid(), NOW, at(9)).await.unwrap());
        }
        assert!(!tx.lease_polling(&pushed.worker_name, 2, uuid(), NOW, at(9)).await.unwrap());
        assert!(!tx.lease_polling("openclaw-none", 2, uuid(), NOW, at(9)).await.unwrap());
    }

    async fn a_new_run_ends_the_polling_lease_of_the_one_before(db: TestStore) {
        let (mut row, holder, rival) = (worker(1, true), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.put_worker(&row).await.unwrap();
        assert!(tx.lease_polling(&row.worker_name, 1, holder, NOW, at(100)).await.unwrap());
        row.generation = 2;
        tx.put_worker(&row).await.unwrap();
        assert!(!tx.lease_polling(&row.worker_name, 1, holder, at(1), at(101)).await.unwrap());
        assert!(tx.lease_polling(&row.worker_name, 2, rival, at(1), at(101)).await.unwrap());
    }

    async fn rest_polling_outlasts_a_restart_and_ends_with_a_redeployment(db: TestStore) {
        let row = worker(1, true);
        let (holder, restarted) = (uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.put_worker(&row).await.unwrap();
        tx.rest_polling(&row.worker_name, holder, at(500)).await.unwrap();
        assert!(tx.lease_polling(&row.worker_name, 1, holder, NOW, at(100)).await.unwrap(), "the lease was released");
        tx.rest_polling(&row.worker_name, holder, at(500)).await.unwrap();
        tx.free_polling_leases(restarted).await.unwrap();
        for token in [holder, restarted] {
            assert!(!tx.lease_polling(&row.worker_name, 1, token, at(499), at(900)).await.unwrap());
        }
        assert_eq!(tx.unpolled_workers(at(499), 9).await.unwrap(), []);
        assert!(tx.lease_polling(&row.worker_name, 1, restarted, at(500), at(900)).await.unwrap());
        tx.rest_polling(&row.worker_name, restarted, at(900)).await.unwrap();
        tx.put_worker(&WorkerRow { generation: 2, ..row.clone() }).await.unwrap();
        assert!(tx.lease_polling(&row.worker_name, 2, holder, NOW, at(100)).await.unwrap());
    }

    async fn workers_without_a_poller_are_found_by_name_up_to_the_limit(db: TestStore) {
        let rows = [worker(1, true), worker(1, true), worker(1, true)];
        let mut tx = db.store.begin().await.unwrap();
        tx.put_worker(&worker(1, false)).await.unwrap();
        for row in rows.iter().rev() {
            tx.put_worker(row).await.unwrap();
        }
        assert_eq!(tx.unpolled_workers(NOW, 10).await.unwrap(), rows);
        assert_eq!(tx.unpolled_workers(NOW, 2).await.unwrap(), rows[..2]);
        assert!(tx.lease_polling(&rows[0].worker_name, 1, uuid(), NOW, at(100)).await.unwrap());
        assert_eq!(tx.unpolled_workers(at(99), 10).await.unwrap(), rows[1..]);
        assert_eq!(tx.unpolled_workers(at(100), 10).await.unwrap(), rows);
    }

    async fn only_the_poller_of_the_current_run_moves_the_offset(db: TestStore) {
        let (row, other, holder) = (worker(2, true), worker(2, true), uuid());
        let name = row.worker_name.as_str();
        let mut tx = db.store.begin().await.unwrap();
        tx.put_worker(&row).await.unwrap();
        tx.put_worker(&other).await.unwrap();
        assert!(!tx.set_poll_offset(name, 2, holder, 500).await.unwrap());
        assert!(tx.lease_polling(name, 2, holder, NOW, at(100)).await.unwrap());
        assert!(!tx.set_poll_offset(name, 1, holder, 500).await.unwrap());
        assert!(!tx.set_poll_offset(name, 3, holder, 500).await.unwrap());
        assert!(!tx.set_poll_offset(name, 2, uuid(), 500).await.unwrap());
        assert_eq!(tx.worker(name).await.unwrap().unwrap().poll_offset, 77);
        assert!(tx.set_poll_offset(name, 2, holder, 5_000_000_000).await.unwrap());
        assert_eq!(tx.worker(name).await.unwrap().unwrap().poll_offset, 5_000_000_000);
        assert_eq!(tx.worker(&other.worker_name).await.unwrap().unwrap().poll_offset, 77);
    }

    async fn a_poller_that_goes_frees_its_own_worker_at_once(db: TestStore) {
        let (row, holder, rival) = (worker(1, true), uuid(), uuid());
        let name = row.worker_name.as_str();
        let mut tx = db.store.begin().await.unwrap();
        tx.put_worker(&row).await.unwrap();
        assert!(tx.lease_polling(name, 1, holder, NOW, at(100)).await.unwrap());
        tx.release_polling(name, rival).await.unwrap();
        assert!(!tx.lease_polling(name, 1, rival, at(1), at(101)).await.unwrap());
        tx.release_polling(name, holder).await.unwrap();
        assert!(!tx.set_poll_offset(name, 1, holder, 500).await.unwrap());
        assert!(tx.lease_polling(name, 1, rival, at(1), at(101)).await.unwrap());
    }

    async fn a_process_that_is_alone_frees_the_workers_of_the_one_before_it(db: TestStore) {
        let (rows, holder, before) = ([worker(1, true), worker(1, true), worker(1, true)], uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        for row in &rows {
            tx.put_worker(row).await.unwrap();
        }
        assert!(tx.lease_polling(&rows[0].worker_name, 1, holder, NOW, at(100)).await.unwrap());
        assert!(tx.lease_polling(&rows[1].worker_name, 1, before, NOW, at(100)).await.unwrap());
        assert_eq!(tx.free_polling_leases(holder).await.unwrap(), 1);
        assert_eq!(tx.free_polling_leases(holder).await.unwrap(), 0);
        assert_eq!(tx.unpolled_workers(NOW, 10).await.unwrap(), rows[1..]);
    }

    async fn the_runs_of_the_named_workers_are_known(db: TestStore) {
        let (one, two, three) = (worker(1, true), worker(2, false), worker(3, true));
        let mut tx = db.store.begin().await.unwrap();
        for row in [&one, &two, &three] {
            tx.put_worker(row).await.unwrap();
        }
        let names = [three.worker_name.as_str(), one.worker_name.as_str(), "openclaw-'\"none"];
        let mut found = tx.worker_generations(&names).await.unwrap();
        found.sort();
        assert_eq!(found, [(one.worker_name, 1), (three.worker_name, 3)]);
        assert_eq!(tx.worker_generations(&[]).await.unwrap(), []);
    }

    async fn of_many_pollers_at_once_one_gets_the_worker(db: TestStore) {
        let row = worker(1, true);
        let mut tx = db.store.begin().await.unwrap();
        tx.put_worker(&row).await.unwrap();
        tx.commit().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let (store, name) = (db.store.clone(), row.worker_name.clone());
            tasks.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                let leased = tx.lease_polling(&name, 1, uuid(), NOW, at(100)).await.unwrap();
                tx.commit().await.unwrap();
                leased
            });
        }
        let leased = tasks.join_all().await;
        assert_eq!(leased.into_iter().filter(|leased| *leased).count(), 1);
    }
}
