use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::UpdateRowId;
use reef_outbound::SystemClock;
use reef_ports::{Clock, WorkerHost};
use reef_store::{NewBotUpdate, Store, on_both_databases};
use reef_workers::embedded::UpdateSource;
use serde_json::json;
use uuid::Uuid;

use crate::fake_server::{FakeServer, wait_until};
use crate::setup::{TOKEN, assistant, host, message_update, run, send_text, send_update, spec, text_update};

fn now() -> Timestamp {
    SystemClock.now()
}

fn update(update_id: i64) -> NewBotUpdate {
    NewBotUpdate {
        id: UpdateRowId::new(Uuid::from_u128(u128::try_from(update_id).unwrap())),
        assistant_id: assistant(),
        bot_id: 1001,
        update_id,
        chat_id: 5,
        body: text_update(update_id, 5, &format!("question {update_id}")).to_string(),
        media_group_id: None,
        not_before: None,
    }
}

/// Stores what a process leaves behind that was killed during a turn: a lease and, if given, a saved reply.
async fn insert_interrupted_turn(store: &Store, answer: Option<&str>, leased_until: Timestamp) {
    let (id, killed) = (update(1).id, Uuid::from_u128(99));
    let mut tx = store.begin().await.unwrap();
    for update_id in [1, 2] {
        assert!(tx.insert_bot_update(&update(update_id), now()).await.unwrap());
    }
    tx.claim_bot_update(assistant(), 5, killed, now(), leased_until).await.unwrap().unwrap();
    if let Some(answer) = answer {
        assert!(tx.save_answer(id, killed, answer).await.unwrap());
        assert!(tx.update_sent_parts(id, killed, 1).await.unwrap());
    }
    tx.commit().await.unwrap();
}

/// When the lease of the killed process expires. With a database for a single process, the next process does not wait
/// for that.
fn killed_lease_expiry(store: &Store) -> Timestamp {
    let wait = if store.is_single_process() { 3_600 } else { 1 };
    now().plus(Duration::from_secs(wait))
}

on_both_databases! {
    async fn stopped_turn_is_released_and_continued(db: TestStore) {
        let world = FakeServer::start().await;
        let first = run(&db.store, &world, UpdateSource::Webhook).await;
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        world.block_sending(true);
        send_text(&first.host, 1, 5, "one").await;
        wait_until("the model has answered", || world.questions().len() == 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        first.stop().await;
        world.block_sending(false);
        let second = run(&db.store, &world, UpdateSource::Webhook).await;
        wait_until("the answer", || world.texts(5) == ["one after 0"]).await;
        assert_eq!(world.questions(), ["one"]);
        send_text(&second.host, 2, 5, "two").await;
        wait_until("the memory is there", || world.texts(5).get(1).is_some_and(|text| text == "two after 1")).await;
    }

    async fn killed_turn_sends_only_unsent_parts(db: TestStore) {
        let world = FakeServer::start().await;
        host(&db.store, &world, UpdateSource::Webhook).await.start(&spec(1, TOKEN)).await.unwrap();
        let parts = r#"[{"text":"sent","style":"plain"},{"text":"unsent","style":"plain"}]"#;
        let answer = format!(r#"{{"chat_id":5,"thread_id":null,"reply_to":null,"parts":{parts},"sent":0}}"#);
        insert_interrupted_turn(&db.store, Some(&answer), killed_lease_expiry(&db.store)).await;
        let _running = run(&db.store, &world, UpdateSource::Webhook).await;
        wait_until("both answers", || world.texts(5).len() == 2).await;
        assert_eq!(world.texts(5), ["unsent", "question 2 after 0"]);
        assert_eq!(world.questions(), ["question 2"]);
    }

    async fn killed_turn_without_reply_runs_again(db: TestStore) {
        let world = FakeServer::start().await;
        host(&db.store, &world, UpdateSource::Webhook).await.start(&spec(1, TOKEN)).await.unwrap();
        insert_interrupted_turn(&db.store, None, killed_lease_expiry(&db.store)).await;
        let _running = run(&db.store, &world, UpdateSource::Webhook).await;
        wait_until("both answers", || world.texts(5).len() == 2).await;
        assert_eq!(world.texts(5), ["question 1 after 0", "question 2 after 1"]);
    }

    async fn what_piled_up_is_answered_once_per_chat(db: TestStore) {
        let world = FakeServer::start().await;
        host(&db.store, &world, UpdateSource::Webhook).await.start(&spec(1, TOKEN)).await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        for (update_id, chat_id, hours) in [(1, 5, 3), (2, 5, 2), (3, 6, 3), (4, 5, 0)] {
            let sent = now().minus(Duration::from_secs(hours * 3_600)).unix_ms() / 1_000;
            let mut body = text_update(update_id, chat_id, &format!("question {update_id}"));
            body["message"]["date"] = sent.into();
            let new = NewBotUpdate { chat_id, body: body.to_string(), ..update(update_id) };
            assert!(tx.insert_bot_update(&new, now()).await.unwrap());
        }
        tx.commit().await.unwrap();
        let _running = run(&db.store, &world, UpdateSource::Webhook).await;
        wait_until("both answers", || world.texts(5).len() == 1 && world.texts(6).len() == 1).await;
        while db.store.read().await.unwrap().count_open_bot_updates(assistant()).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let text = world.texts(5).remove(0);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].starts_with("(sent 3 hours ago, at ") && lines[0].ends_with("question 1"), "{text}");
        assert!(lines[1].starts_with("(sent 2 hours ago, at ") && lines[1].ends_with("question 2"), "{text}");
        assert_eq!(lines[2], "question 4 after 0");
    }

    // In a group, an answer is shown in a message while it is written. The next process continues that message.
    async fn stopped_turn_continues_its_message_in_group(db: TestStore) {
        let world = FakeServer::start().await;
        let first = run(&db.store, &world, UpdateSource::Webhook).await;
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        let group = json!({"id": -7, "type": "supergroup"});
        let entities = json!([{"type": "mention", "offset": 0, "length": 10}]);
        let question = "Ann: @coral_bot stream";
        world.hold_answer(question);
        let update = message_update(1, &group, &json!({"text": "@coral_bot stream", "entities": entities}));
        send_update(&first.host, &update).await;
        wait_until("the first word", || world.texts(-7) == ["A"]).await;
        first.stop().await;
        let row = db.store.read().await.unwrap().count_open_bot_updates(assistant()).await.unwrap();
        assert_eq!(row, 1);
        world.release_answer(question);
        let _second = run(&db.store, &world, UpdateSource::Webhook).await;
        wait_until("the answer", || world.edits().last().is_some_and(|edit| edit.text == "A flowing answer")).await;
        assert_eq!(world.texts(-7), ["A"], "no other message was sent");
        assert_eq!(world.questions().len(), 2);
    }

    async fn stale_update_is_not_answered(db: TestStore) {
        let world = FakeServer::start().await;
        host(&db.store, &world, UpdateSource::Webhook).await.start(&spec(1, TOKEN)).await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        let old = now().minus(Duration::from_secs(25 * 3600));
        assert!(tx.insert_bot_update(&update(1), old).await.unwrap());
        assert!(tx.insert_bot_update(&update(2), now()).await.unwrap());
        tx.commit().await.unwrap();
        let _running = run(&db.store, &world, UpdateSource::Webhook).await;
        wait_until("the fresh one's answer", || world.texts(5) == ["question 2 after 0"]).await;
        assert_eq!(world.questions(), ["question 2"]);
    }

    async fn two_processes_answer_once(db: TestStore) {
        let world = FakeServer::start().await;
        let one = run(&db.store, &world, UpdateSource::Webhook).await;
        // SQLite allows only one process, so the test there has one host with several tasks.
        let two = if db.store.is_single_process() { None } else { Some(run(&db.store, &world, UpdateSource::Webhook).await) };
        one.host.start(&spec(1, TOKEN)).await.unwrap();
        let hosts = [&one.host, two.as_ref().map_or(&one.host, |two| &two.host)];
        for update_id in 1..=10 {
            send_text(hosts[usize::from(update_id % 2 == 0)], update_id, 5, &format!("q{update_id}")).await;
        }
        wait_until("all answers", || world.texts(5).len() == 10).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let expected: Vec<_> = (1..=10).map(|i| format!("q{i} after {}", i - 1)).collect();
        assert_eq!(world.texts(5), expected);
    }
}
