//! A group becomes a supergroup and gets another id. Three kinds of updates announce it, in any order.

use reef_ports::WorkerHost;
use reef_store::on_both_databases;
use reef_workers::embedded::{UpdateSource, WebhookOutcome};
use serde_json::{Value, json};

use crate::fake_server::{FakeServer, wait_until};
use crate::setup::{TOKEN, message_update, run, send_update, spec};

const GROUP: i64 = -77;
const SUPERGROUP: i64 = -1_001_234;

fn group() -> Value {
    json!({"id": GROUP, "type": "group"})
}

fn supergroup() -> Value {
    json!({"id": SUPERGROUP, "type": "supergroup"})
}

fn mention(update_id: i64, chat: &Value, text: &str) -> Value {
    let text = format!("@coral_bot {text}");
    message_update(
        update_id,
        chat,
        &json!({"text": text, "entities": [{"type": "mention", "offset": 0, "length": 10}]}),
    )
}

/// The service message in the group, the one in the supergroup, and the first message in the supergroup.
fn events() -> [Value; 3] {
    [
        message_update(10, &group(), &json!({"migrate_to_chat_id": SUPERGROUP})),
        message_update(11, &supergroup(), &json!({"migrate_from_chat_id": GROUP})),
        mention(12, &supergroup(), "first"),
    ]
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

on_both_databases! {
    async fn conversation_moves_once_in_any_order(db: TestStore) {
        for order in ORDERS {
            let world = FakeServer::start().await;
            let running = run(&db.store, &world, UpdateSource::Webhook).await;
            running.host.start(&spec(1, TOKEN)).await.unwrap();
            send_update(&running.host, &mention(1, &group(), "old")).await;
            wait_until("the answer in the group", || world.texts(GROUP).len() == 1).await;
            for index in order {
                assert_eq!(send_update(&running.host, &events()[index]).await, WebhookOutcome::Accepted);
            }
            wait_until("the answer in the supergroup", || world.texts(SUPERGROUP).len() == 1).await;
            send_update(&running.host, &mention(13, &supergroup(), "second")).await;
            wait_until("the second answer", || world.texts(SUPERGROUP).len() == 2).await;
            let remembered = world.texts(SUPERGROUP)[1].clone();
            assert!(remembered.ends_with("second after 2"), "{order:?}: {remembered}");
            // Telegram may send the service messages again, which changes nothing.
            for event in &events()[..2] {
                assert_eq!(send_update(&running.host, event).await, WebhookOutcome::Accepted);
            }
            send_update(&running.host, &mention(14, &supergroup(), "third")).await;
            wait_until("the third answer", || world.texts(SUPERGROUP).len() == 3).await;
            assert!(world.texts(SUPERGROUP)[2].ends_with("third after 3"), "{order:?}");
            assert_eq!(world.texts(GROUP).len(), 1);
            running.host.forget(crate::setup::assistant()).await.unwrap();
            running.stop().await;
        }
    }

    async fn rejected_send_moves_conversation(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        send_update(&running.host, &mention(1, &group(), "old")).await;
        wait_until("the answer in the group", || world.texts(GROUP).len() == 1).await;
        let refusal = json!({"ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded",
            "parameters": {"migrate_to_chat_id": SUPERGROUP}});
        world.reject_messages(GROUP, [refusal]);
        send_update(&running.host, &mention(2, &group(), "late")).await;
        wait_until("the answer in the supergroup", || world.texts(SUPERGROUP).len() == 1).await;
        // A later message to the group belongs to the same conversation.
        send_update(&running.host, &mention(3, &group(), "later")).await;
        wait_until("the next answer", || world.attempts(GROUP).len() + world.texts(SUPERGROUP).len() == 4).await;
        for event in events() {
            send_update(&running.host, &event).await;
        }
        wait_until("the answer to all", || {
            world.texts(SUPERGROUP).last().is_some_and(|text| text.ends_with("first after 3"))
        })
        .await;
    }
}
