//! Waiting chats of one assistant do not delay another assistant.

use std::time::Instant;

use reef_embedded::{Delivery, Embedded, Received};
use reef_service::ports::WorkerHost;
use reef_store::on_both_databases;

use crate::rig::{OTHER_NAME, SECRET, TOKEN, message, other_spec, run, spec, tell};
use crate::world::{World, flood, until};

/// More chats than one assistant may have slots.
const CHATS: i64 = 280;

async fn tell_other(host: &Embedded, update_id: i64, text: &str) -> Received {
    host.receive(OTHER_NAME, Some(SECRET), message(update_id, 7, text).to_string().as_bytes()).await
}

on_both_databases! {
    async fn chats_that_wait_for_a_model_hold_up_no_other_assistant(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        running.host.start(&other_spec()).await.unwrap();
        world.stick("slow");
        for chat in 1..=CHATS {
            tell(&running.host, chat, 10_000 + chat, "slow").await;
        }
        until("the model is busy", || world.asked().len() >= 200).await;
        let asked = Instant::now();
        tell_other(&running.host, 1, "quick").await;
        until("the other assistant's answer", || world.texts(7) == ["quick after 0"]).await;
        eprintln!("answered next to {CHATS} chats that wait for a model: {:?}", asked.elapsed());
        assert_eq!(world.said().len(), 1, "the others still wait");
        world.unstick("slow");
        until("all answers", || i64::try_from(world.said().len()) == Ok(CHATS + 1)).await;
    }

    async fn chats_that_wait_for_telegram_hold_up_no_other_assistant(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        running.host.start(&other_spec()).await.unwrap();
        for chat in 1..=CHATS {
            world.refuse(10_000 + chat, [flood(600)]);
            tell(&running.host, chat, 10_000 + chat, "flooded").await;
        }
        until("all are refused", || (1..=CHATS).all(|chat| world.tries(10_000 + chat).len() == 1)).await;
        let asked = Instant::now();
        tell_other(&running.host, 1, "quick").await;
        until("the other assistant's answer", || world.texts(7) == ["quick after 0"]).await;
        // Other chats of the same assistant do not wait either.
        tell(&running.host, 1_000, 9, "me too").await;
        until("another chat's answer", || world.texts(9) == ["me too after 0"]).await;
        eprintln!("answered next to {CHATS} chats that wait for Telegram: {:?}", asked.elapsed());
        assert_eq!(world.said().len(), 2);
    }
}
