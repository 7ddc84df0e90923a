//! Flood waits: Telegram makes a bot wait before it writes to a chat again.

use std::time::{Duration, Instant};

use reef_ports::WorkerHost;
use reef_store::on_both_databases;
use reef_workers::embedded::UpdateSource;

use crate::fake_server::{FakeServer, flood, wait_until};
use crate::setup::{TOKEN, run, send_text, spec};

/// Whether a flood wait of three seconds has passed between two attempts. Clocks and timers may round by some
/// milliseconds.
fn has_waited(refused: Instant, retried: Instant) -> bool {
    retried.duration_since(refused) >= Duration::from_millis(2_950)
}

on_both_databases! {
    async fn flood_wait_is_respected_per_chat(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.reject_messages(5, [flood(3)]);
        send_text(&running.host, 1, 5, "one").await;
        wait_until("the refusal", || world.attempts(5).len() == 1).await;
        send_text(&running.host, 2, 5, "two").await;
        send_text(&running.host, 3, 6, "elsewhere").await;
        wait_until("the other chat's answer", || world.texts(6).len() == 1).await;
        assert!(world.texts(5).is_empty());
        wait_until("both answers", || world.texts(5).len() == 2).await;
        assert_eq!(world.texts(5), ["one after 0", "two after 1"]);
        let attempts = world.attempts(5);
        assert!(has_waited(attempts[0], attempts[1]), "{:?}", attempts[1] - attempts[0]);
        assert_eq!(world.questions().len(), 3, "a wait costs no model call");
    }

    async fn flood_wait_survives_restart(db: TestStore) {
        let world = FakeServer::start().await;
        let first = run(&db.store, &world, UpdateSource::Webhook).await;
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        world.reject_messages(5, [flood(3)]);
        send_text(&first.host, 1, 5, "one").await;
        wait_until("the refusal", || world.attempts(5).len() == 1).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        first.stop().await;
        let second = run(&db.store, &world, UpdateSource::Webhook).await;
        send_text(&second.host, 2, 5, "two").await;
        wait_until("both answers", || world.texts(5).len() == 2).await;
        let attempts = world.attempts(5);
        assert!(has_waited(attempts[0], attempts[1]), "{:?}", attempts[1] - attempts[0]);
        assert_eq!(world.texts(5), ["one after 0", "two after 1"]);
    }

    async fn flood_wait_survives_redeployment(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.reject_messages(5, [flood(3)]);
        send_text(&running.host, 1, 5, "one").await;
        wait_until("the refusal", || world.attempts(5).len() == 1).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        running.host.start(&spec(2, TOKEN)).await.unwrap();
        wait_until("the answer", || world.texts(5).len() == 1).await;
        let attempts = world.attempts(5);
        assert!(has_waited(attempts[0], attempts[1]), "{:?}", attempts[1] - attempts[0]);
    }

    async fn repeated_flood_waits_lose_nothing(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        // There are more waits than a failed turn has attempts, and some of them are 0.
        world.reject_messages(5, (0..12).map(|n| flood(n % 2)));
        send_text(&running.host, 1, 5, "one").await;
        wait_until("the answer", || world.texts(5) == ["one after 0"]).await;
        assert_eq!(world.questions().len(), 1);
        let attempts = world.attempts(5);
        assert!(attempts.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(950)), "never in a loop");
    }
}
