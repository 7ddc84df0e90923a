//! The running summary of a conversation.

use std::time::Duration;

use reef_ports::WorkerHost;
use reef_store::{ConversationKey, Store, on_both_databases};
use reef_workers::embedded::{Embedded, UpdateSource};

use crate::fake_server::{FakeServer, wait_until};
use crate::setup::{TOKEN, assistant, run, send_text, spec};

const CHAT: ConversationKey = ConversationKey::of_chat(5);

async fn count_uncovered(store: &Store) -> i64 {
    let mut tx = store.read().await.unwrap();
    tx.get_summary_backlog(assistant(), CHAT, 8_000).await.unwrap().messages
}

/// Sends a text, and waits for the answer and the summary that may be due after it.
async fn exchange(host: &Embedded, store: &Store, world: &FakeServer, update_id: i64, text: &str) {
    let before = world.texts(5).len();
    send_text(host, update_id, 5, text).await;
    wait_until("the answer", || world.texts(5).len() == before + 1).await;
    while count_uncovered(store).await >= 40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

on_both_databases! {
    async fn fact_from_500_turns_ago_is_in_the_request(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        exchange(host, &db.store, &world, 1, "my cat is called Turing").await;
        for update_id in 2..=251 {
            exchange(host, &db.store, &world, update_id, &format!("small talk {update_id}")).await;
        }
        let instructions = world.instructions().pop().unwrap();
        assert!(instructions.contains("my cat is called Turing"), "{instructions}");
        // One for each 20 turns, once there are 40.
        assert!((20..=25).contains(&world.summaries()), "{}", world.summaries());
        // Another chat knows nothing of it.
        send_text(host, 900, 6, "hi").await;
        wait_until("another chat's answer", || world.texts(6).len() == 1).await;
        assert!(!world.instructions().pop().unwrap().contains("Turing"));

        send_text(host, 901, 5, "/forget_me yes").await;
        let count = world.texts(5).len();
        wait_until("the confirmation", || world.texts(5).len() >= count.max(252)).await;
        while db.store.read().await.unwrap().count_open_bot_updates(assistant()).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut tx = db.store.read().await.unwrap();
        assert_eq!(tx.find_summary(assistant(), CHAT).await.unwrap(), None);
        assert!(tx.list_recent_messages(assistant(), CHAT, 999).await.unwrap().is_empty());
    }

    async fn reset_starts_without_notes(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        exchange(host, &db.store, &world, 1, "/remember I like tea").await;
        for update_id in 2..=25 {
            exchange(host, &db.store, &world, update_id, "my cat is called Turing").await;
        }
        assert_eq!(world.summaries(), 1);
        exchange(host, &db.store, &world, 30, "/reset").await;
        exchange(host, &db.store, &world, 31, "hi").await;
        let instructions = world.instructions().pop().unwrap();
        assert!(instructions.contains("I like tea") && !instructions.contains("Turing"), "{instructions}");
    }
}
