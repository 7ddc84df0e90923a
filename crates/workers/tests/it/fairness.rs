//! Waiting chats of one assistant do not delay another assistant.

use std::time::Instant;

use reef_ports::WorkerHost;
use reef_store::on_both_databases;
use reef_workers::embedded::{Embedded, UpdateSource, WebhookOutcome};

use crate::fake_server::{FakeServer, flood, wait_until};
use crate::setup::{OTHER_NAME, SECRET, TOKEN, other_spec, run, send_text, spec, text_update};

/// More chats than one assistant may have slots.
const CHATS: i64 = 280;

async fn send_text_to_other(host: &Embedded, update_id: i64, text: &str) -> WebhookOutcome {
    host.receive(OTHER_NAME, Some(SECRET), text_update(update_id, 7, text).to_string().as_bytes()).await
}

on_both_databases! {
    async fn chats_waiting_for_model_do_not_delay_others(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        running.host.start(&other_spec()).await.unwrap();
        world.hold_answer("slow");
        for chat in 1..=CHATS {
            send_text(&running.host, chat, 10_000 + chat, "slow").await;
        }
        wait_until("the model is busy", || world.questions().len() >= 200).await;
        let started = Instant::now();
        send_text_to_other(&running.host, 1, "quick").await;
        wait_until("the other assistant's answer", || world.texts(7) == ["quick after 0"]).await;
        eprintln!("answered next to {CHATS} chats that wait for a model: {:?}", started.elapsed());
        assert_eq!(world.sent().len(), 1, "the others still wait");
        world.release_answer("slow");
        wait_until("all answers", || i64::try_from(world.sent().len()) == Ok(CHATS + 1)).await;
    }

    async fn chats_waiting_for_telegram_do_not_delay_others(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        running.host.start(&other_spec()).await.unwrap();
        for chat in 1..=CHATS {
            world.reject_messages(10_000 + chat, [flood(600)]);
            send_text(&running.host, chat, 10_000 + chat, "flooded").await;
        }
        wait_until("all are refused", || (1..=CHATS).all(|chat| world.attempts(10_000 + chat).len() == 1)).await;
        let started = Instant::now();
        send_text_to_other(&running.host, 1, "quick").await;
        wait_until("the other assistant's answer", || world.texts(7) == ["quick after 0"]).await;
        // Other chats of the same assistant do not wait either.
        send_text(&running.host, 1_000, 9, "me too").await;
        wait_until("another chat's answer", || world.texts(9) == ["me too after 0"]).await;
        eprintln!("answered next to {CHATS} chats that wait for Telegram: {:?}", started.elapsed());
        assert_eq!(world.sent().len(), 2);
    }
}
