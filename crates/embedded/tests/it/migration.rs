//! A group becomes a supergroup and gets another id. Three kinds of updates announce it, in any order.

use reef_embedded::{Delivery, Received};
use reef_service::ports::WorkerHost;
use reef_store::on_both_databases;
use serde_json::{Value, json};

use crate::rig::{TOKEN, push, run, spec, update};
use crate::world::{World, until};

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
    update(
        update_id,
        chat,
        &json!({"text": text, "entities": [{"type": "mention", "offset": 0, "length": 10}]}),
    )
}

/// The service message in the group, the one in the supergroup, and the first message in the supergroup.
fn events() -> [Value; 3] {
    [
        update(10, &group(), &json!({"migrate_to_chat_id": SUPERGROUP})),
        update(11, &supergroup(), &json!({"migrate_from_chat_id": GROUP})),
        mention(12, &supergroup(), "first"),
    ]
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

on_both_databases! {
    async fn memory_moves_once_in_whichever_order_it_is_said(db: TestStore) {
        for order in ORDERS {
            let world = World::start().await;
            let running = run(&db.store, &world, Delivery::Webhook);
            running.host.start(&spec(1, TOKEN)).await.unwrap();
            push(&running.host, &mention(1, &group(), "old")).await;
            until("the answer in the group", || world.texts(GROUP).len() == 1).await;
            for index in order {
                assert_eq!(push(&running.host, &events()[index]).await, Received::Accepted);
            }
            until("the answer in the supergroup", || world.texts(SUPERGROUP).len() == 1).await;
            push(&running.host, &mention(13, &supergroup(), "second")).await;
            until("the second answer", || world.texts(SUPERGROUP).len() == 2).await;
            let remembered = world.texts(SUPERGROUP)[1].clone();
            assert!(remembered.ends_with("second after 2"), "{order:?}: {remembered}");
            // Telegram may send the service messages again, which changes nothing.
            for event in &events()[..2] {
                assert_eq!(push(&running.host, event).await, Received::Accepted);
            }
            push(&running.host, &mention(14, &supergroup(), "third")).await;
            until("the third answer", || world.texts(SUPERGROUP).len() == 3).await;
            assert!(world.texts(SUPERGROUP)[2].ends_with("third after 3"), "{order:?}");
            assert_eq!(world.texts(GROUP).len(), 1);
            running.host.forget(crate::rig::assistant()).await.unwrap();
            running.stop().await;
        }
    }

    async fn refused_send_to_the_group_moves_memory_too(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        push(&running.host, &mention(1, &group(), "old")).await;
        until("the answer in the group", || world.texts(GROUP).len() == 1).await;
        let refusal = json!({"ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded",
            "parameters": {"migrate_to_chat_id": SUPERGROUP}});
        world.refuse(GROUP, [refusal]);
        push(&running.host, &mention(2, &group(), "late")).await;
        until("the answer in the supergroup", || world.texts(SUPERGROUP).len() == 1).await;
        // A later message to the group belongs to the same conversation.
        push(&running.host, &mention(3, &group(), "later")).await;
        until("the next answer", || world.tries(GROUP).len() + world.texts(SUPERGROUP).len() == 4).await;
        for event in events() {
            push(&running.host, &event).await;
        }
        until("the answer to all", || {
            world.texts(SUPERGROUP).last().is_some_and(|text| text.ends_with("first after 3"))
        })
        .await;
    }
}
