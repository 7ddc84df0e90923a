use std::time::Duration;

use reef_ports::{StartedWorker, WorkerHost, WorkerRef};
use reef_store::{ConversationKey, on_both_databases};
use reef_workers::embedded::UpdateSource;

use crate::fake_server::{FakeServer, wait_until};
use crate::setup::{NAME, SECRET, TOKEN, assistant, host, run, send_text, spec, worker};

on_both_databases! {
    async fn started_worker_reports_its_urls(db: TestStore) {
        let world = FakeServer::start().await;
        let host = host(&db.store, &world, UpdateSource::Webhook).await;
        let started = host.start(&spec(1, TOKEN)).await.unwrap();
        let worker_url = format!("https://reef.test/workers/{NAME}");
        let webhook_url = Some(format!("{worker_url}/telegram"));
        assert_eq!(started, StartedWorker { worker_url, webhook_url });
        host.health(&worker(1)).await.unwrap();
        wait_until("the menu", || world.menus() == 1).await;
    }

    async fn older_generation_does_not_touch_newer_worker(db: TestStore) {
        let world = FakeServer::start().await;
        let host = host(&db.store, &world, UpdateSource::Webhook).await;
        host.start(&spec(2, TOKEN)).await.unwrap();
        host.start(&spec(1, TOKEN)).await.unwrap_err();
        host.remove(&worker(1)).await.unwrap();
        host.health(&worker(2)).await.unwrap();
        host.health(&worker(1)).await.unwrap_err();
        host.remove(&worker(2)).await.unwrap();
        host.remove(&worker(2)).await.unwrap();
        host.health(&worker(2)).await.unwrap_err();
    }

    async fn missing_workers_are_listed_by_generation(db: TestStore) {
        let world = FakeServer::start().await;
        let host = host(&db.store, &world, UpdateSource::Webhook).await;
        host.start(&spec(2, TOKEN)).await.unwrap();
        let other = WorkerRef { worker_name: "openclaw-0000000\"2".to_owned(), ..worker(1) };
        let workers = [worker(2), worker(1), worker(3), other.clone()];
        assert_eq!(host.missing(&workers).await.unwrap(), [worker(1), worker(3), other]);
        assert_eq!(host.missing(&[]).await.unwrap(), []);
    }

    async fn forgotten_assistant_leaves_no_rows(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        send_text(host, 1, 5, "one").await;
        wait_until("an answer", || world.texts(5).len() == 1).await;
        world.hold_answer("slow");
        send_text(host, 2, 5, "slow").await;
        wait_until("the model thinks", || world.questions().len() == 2).await;
        host.forget(assistant()).await.unwrap();
        world.release_answer("slow");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(world.texts(5).len(), 1);
        let mut tx = db.store.read().await.unwrap();
        assert_eq!(tx.find_worker(NAME).await.unwrap(), None);
        assert_eq!(tx.count_open_bot_updates(assistant()).await.unwrap(), 0);
        assert_eq!(tx.list_recent_messages(assistant(), ConversationKey::of_chat(5), 10).await.unwrap(), []);
    }

    async fn settings_are_sealed(db: TestStore) {
        let world = FakeServer::start().await;
        let host = host(&db.store, &world, UpdateSource::Webhook).await;
        host.start(&spec(1, TOKEN)).await.unwrap();
        let row = db.store.read().await.unwrap().find_worker(NAME).await.unwrap().unwrap();
        let shown = format!("{}{host:?}", String::from_utf8_lossy(&row.settings));
        for secret in [TOKEN, SECRET, "sk-model-secret"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        // Sealed settings cannot be opened in the row of another worker.
        let mut tx = db.store.begin().await.unwrap();
        let mut stolen = row.clone();
        stolen.worker_name = "openclaw-00000002".to_owned();
        assert!(tx.delete_worker(NAME, 1).await.unwrap());
        assert!(tx.upsert_worker(&stolen).await.unwrap());
        tx.commit().await.unwrap();
        let thief = WorkerRef { worker_name: stolen.worker_name, ..worker(1) };
        host.health(&thief).await.unwrap_err();
    }
}
