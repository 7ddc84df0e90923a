//! People who may not talk to the assistant, or not without end.

use std::time::Duration;

use reef_outbound::SystemClock;
use reef_ports::{Clock as _, WorkerHost};
use reef_store::{SettingsRow, Store, on_both_databases};
use reef_workers::embedded::{UpdateSource, WebhookOutcome};
use serde_json::{Value, json};

use crate::fake_server::{FakeServer, wait_until};
use crate::setup::{TOKEN, assistant, message_update, run, send_text, send_update, spec};

async fn set_access(store: &Store, mode: &str) {
    let row = SettingsRow {
        revision: 2,
        document: json!({"access": {"mode": mode}}).to_string(),
        mcp_headers: None,
        updated_at: SystemClock.now(),
    };
    let mut tx = store.begin().await.unwrap();
    tx.save_settings(assistant(), &row).await.unwrap();
    tx.commit().await.unwrap();
}

async fn count_open(store: &Store) -> i64 {
    store.read().await.unwrap().count_open_bot_updates(assistant()).await.unwrap()
}

/// One of many kinds of update from a stranger; the same for the same number.
fn random_update(number: i64) -> Value {
    // A multiplicative hash spreads the numbers over kinds and people.
    let random = number.wrapping_mul(2_654_435_761).rem_euclid(1 << 31);
    let user = 1_000 + random % 37;
    let is_group = random % 11 == 0;
    let chat = if is_group {
        json!({"id": -500 - random % 3, "type": "supergroup", "title": "Team"})
    } else {
        json!({"id": user, "type": "private"})
    };
    let from = json!({"id": user, "is_bot": false, "first_name": "Eve"});
    let fields = match random / 64 % 9 {
        0 => json!({"photo": [{"file_id": "f"}], "caption": "what is this?"}),
        1 => json!({"photo": [{"file_id": "f"}], "media_group_id": format!("a{}", number / 3)}),
        2 => json!({"voice": {"file_id": "f", "duration": 2}}),
        3 => json!({"document": {"file_id": "f", "file_name": "x.pdf", "mime_type": "application/pdf"}}),
        4 => json!({"text": "/start", "entities": [{"type": "bot_command", "offset": 0, "length": 6}]}),
        5 => json!({"text": "@coral_bot hi", "entities": [{"type": "mention", "offset": 0, "length": 10}]}),
        6 => json!({"location": {"latitude": 1.0, "longitude": 2.0}}),
        7 => json!({"text": "hi", "forward_origin": {"type": "hidden_user", "sender_user_name": "Mallory"}}),
        _ => json!({"text": "let me in"}),
    };
    let mut update = message_update(number, &chat, &fields);
    update["message"]["from"] = from;
    if random % 7 == 0 {
        let message = update["message"].take();
        return json!({"update_id": number, "edited_message": message});
    }
    update
}

on_both_databases! {
    async fn a_thousand_updates_of_strangers_reach_no_model(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        send_text(&running.host, 1, 5, "I own this").await;
        wait_until("the owner's answer", || world.texts(5).len() == 1).await;
        for (mode, first) in [("approved", 10), ("owner", 1_000)] {
            set_access(&db.store, mode).await;
            for number in first..first + 500 {
                let update = random_update(number);
                while send_update(&running.host, &update).await == WebhookOutcome::TooManyWaiting {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        while count_open(&db.store).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(world.questions(), ["I own this"]);
        // One sentence a day for each of 37 people, and none in groups.
        for user in 1_000..1_037 {
            assert_eq!(world.texts(user).len(), 1, "{:?}", world.texts(user));
        }
        assert!((-502..=-500).all(|group| world.texts(group).is_empty()));
    }

    async fn one_person_cannot_use_up_an_assistant_for_everyone(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        send_text(&running.host, 1, 5, "I own this").await;
        wait_until("the owner's answer", || world.texts(5).len() == 1).await;
        for number in 0..60 {
            send_text(&running.host, 10 + number, 6, &format!("q{number}")).await;
        }
        while count_open(&db.store).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // 30 an hour, one more every two minutes, and one sentence.
        let asked = world.questions().len() - 1;
        assert!((30..=33).contains(&asked), "{asked}");
        assert_eq!(world.texts(6).len(), asked + 1);
        send_text(&running.host, 100, 7, "and me?").await;
        wait_until("another person's answer", || world.texts(7) == ["and me? after 0"]).await;
        for number in 0..40 {
            send_text(&running.host, 200 + number, 5, &format!("q{number}")).await;
        }
        wait_until("the owner's answers", || world.texts(5).len() == 41).await;
    }
}
