use std::time::Duration;

use reef_embedded::Delivery;
use reef_service::ports::{Started, WorkerHost, WorkerRef};
use reef_store::on_both_databases;

use crate::rig::{NAME, SECRET, TOKEN, assistant, host, run, spec, tell, worker};
use crate::world::{World, until};

on_both_databases! {
    async fn a_started_worker_is_where_it_says(db: TestStore) {
        let world = World::start().await;
        let host = host(&db.store, &world, Delivery::Webhook);
        let started = host.start(&spec(1, TOKEN)).await.unwrap();
        let worker_url = format!("https://reef.test/workers/{NAME}");
        let webhook_url = Some(format!("{worker_url}/telegram"));
        assert_eq!(started, Started { worker_url, webhook_url });
        host.health(&worker(1)).await.unwrap();
        until("the menu", || world.menus() == 1).await;
    }

    async fn an_older_run_never_touches_a_newer_ones_worker(db: TestStore) {
        let world = World::start().await;
        let host = host(&db.store, &world, Delivery::Webhook);
        host.start(&spec(2, TOKEN)).await.unwrap();
        host.start(&spec(1, TOKEN)).await.unwrap_err();
        host.remove(&worker(1)).await.unwrap();
        host.health(&worker(2)).await.unwrap();
        host.health(&worker(1)).await.unwrap_err();
        host.remove(&worker(2)).await.unwrap();
        host.remove(&worker(2)).await.unwrap();
        host.health(&worker(2)).await.unwrap_err();
    }

    async fn what_is_missing_is_told_run_by_run(db: TestStore) {
        let world = World::start().await;
        let host = host(&db.store, &world, Delivery::Webhook);
        host.start(&spec(2, TOKEN)).await.unwrap();
        let other = WorkerRef { worker_name: "openclaw-0000000\"2".to_owned(), ..worker(1) };
        let asked = [worker(2), worker(1), worker(3), other.clone()];
        assert_eq!(host.missing(&asked).await.unwrap(), [worker(1), worker(3), other]);
        assert_eq!(host.missing(&[]).await.unwrap(), []);
    }

    async fn a_forgotten_assistant_leaves_nothing(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        tell(host, 1, 5, "one").await;
        until("an answer", || world.texts(5).len() == 1).await;
        world.stick("slow");
        tell(host, 2, 5, "slow").await;
        until("the model thinks", || world.asked().len() == 2).await;
        host.forget(assistant()).await.unwrap();
        world.unstick("slow");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(world.texts(5).len(), 1);
        let mut tx = db.store.read().await.unwrap();
        assert_eq!(tx.worker(NAME).await.unwrap(), None);
        assert_eq!(tx.count_open_updates(assistant()).await.unwrap(), 0);
        assert_eq!(tx.recent_turns(assistant(), 5, 10).await.unwrap(), []);
    }

    async fn settings_are_sealed_and_shown_nowhere(db: TestStore) {
        let world = World::start().await;
        let host = host(&db.store, &world, Delivery::Webhook);
        host.start(&spec(1, TOKEN)).await.unwrap();
        let row = db.store.read().await.unwrap().worker(NAME).await.unwrap().unwrap();
        let shown = format!("{}{host:?}", String::from_utf8_lossy(&row.settings));
        for secret in [TOKEN, SECRET, "sk-model-secret"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        // Sealed settings cannot be opened in the row of another worker.
        let mut tx = db.store.begin().await.unwrap();
        let mut stolen = row.clone();
        stolen.worker_name = "openclaw-00000002".to_owned();
        assert!(tx.delete_worker(NAME, 1).await.unwrap());
        assert!(tx.put_worker(&stolen).await.unwrap());
        tx.commit().await.unwrap();
        let thief = WorkerRef { worker_name: stolen.worker_name, ..worker(1) };
        host.health(&thief).await.unwrap_err();
    }
}
