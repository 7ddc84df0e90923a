//! A turn is canceled after Telegram has received a part of the reply and before it has confirmed it. The part is not
//! sent again.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::UpdateRowId;
use reef_outbound::SystemClock;
use reef_ports::{Clock as _, WorkerHost as _};
use reef_store::testing::TestStore;
use reef_store::{NewBotUpdate, on_both_databases};
use reef_workers::embedded::UpdateSource;
use uuid::Uuid;

use crate::fake_server::{FakeServer, wait_until};
use crate::setup::{NAME, TOKEN, assistant, host, run, send_text, spec, text_update, worker};

/// How long to wait for messages that must not come.
const SETTLED: Duration = Duration::from_millis(300);

fn now() -> Timestamp {
    SystemClock.now()
}

/// Stores a reply of two parts, neither of which has been sent.
async fn insert_two_part_reply(db: &TestStore) {
    let (id, killed) = (UpdateRowId::new(Uuid::from_u128(1)), Uuid::from_u128(99));
    let body = text_update(1, 5, "one").to_string();
    let update = NewBotUpdate {
        id,
        assistant_id: assistant(),
        bot_id: 1001,
        update_id: 1,
        chat_id: 5,
        body,
        media_group_id: None,
        not_before: None,
    };
    let parts = r#"[{"text":"first","style":"plain"},{"text":"second","style":"plain"}]"#;
    let answer = format!(r#"{{"chat_id":5,"thread_id":null,"reply_to":null,"parts":{parts},"sent":0}}"#);
    let mut tx = db.store.begin().await.unwrap();
    assert!(tx.insert_bot_update(&update, now()).await.unwrap());
    tx.claim_bot_update(assistant(), 5, killed, now(), now().plus(Duration::from_secs(9)))
        .await
        .unwrap()
        .unwrap();
    assert!(tx.save_answer(id, killed, &answer).await.unwrap());
    tx.release_bot_update(id, killed).await.unwrap();
    tx.commit().await.unwrap();
}

on_both_databases! {
    async fn redeployment_during_part_sends_it_once(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.delay_responses(true);
        send_text(&running.host, 1, 5, "one").await;
        wait_until("Telegram has the answer", || world.texts(5).len() == 1).await;
        running.host.start(&spec(2, TOKEN)).await.unwrap();
        tokio::time::sleep(SETTLED).await;
        world.delay_responses(false);
        send_text(&running.host, 2, 5, "two").await;
        wait_until("the next answer", || world.texts(5).len() > 1).await;
        tokio::time::sleep(SETTLED).await;
        assert_eq!(world.texts(5), ["one after 0", "two after 1"]);
        assert_eq!(world.questions(), ["one", "two"]);
    }

    async fn stop_and_start_during_part_send_it_once(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.delay_responses(true);
        send_text(&running.host, 1, 5, "one").await;
        wait_until("Telegram has the answer", || world.texts(5).len() == 1).await;
        running.host.remove(&worker(1)).await.unwrap();
        assert!(!running.host.has_worker(NAME).await.unwrap(), "the stop does not wait for the part");
        tokio::time::sleep(SETTLED).await;
        world.delay_responses(false);
        running.host.start(&spec(2, TOKEN)).await.unwrap();
        send_text(&running.host, 2, 5, "two").await;
        wait_until("the next answer", || world.texts(5).len() > 1).await;
        tokio::time::sleep(SETTLED).await;
        assert_eq!(world.texts(5), ["one after 0", "two after 1"]);
    }

    async fn shutdown_during_part_sends_it_once(db: TestStore) {
        let world = FakeServer::start().await;
        let first = run(&db.store, &world, UpdateSource::Webhook).await;
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        world.delay_responses(true);
        send_text(&first.host, 1, 5, "one").await;
        wait_until("Telegram has the answer", || world.texts(5).len() == 1).await;
        // The part takes longer than the drain of the host.
        let ((), ()) = tokio::join!(first.stop(), async {
            tokio::time::sleep(4 * SETTLED).await;
            world.delay_responses(false);
        });
        let second = run(&db.store, &world, UpdateSource::Webhook).await;
        send_text(&second.host, 2, 5, "two").await;
        wait_until("the next answer", || world.texts(5).len() > 1).await;
        tokio::time::sleep(SETTLED).await;
        assert_eq!(world.texts(5), ["one after 0", "two after 1"]);
    }

    async fn cancellation_between_parts_sends_rest_later(db: TestStore) {
        let world = FakeServer::start().await;
        host(&db.store, &world, UpdateSource::Webhook).await.start(&spec(1, TOKEN)).await.unwrap();
        insert_two_part_reply(&db).await;
        world.delay_responses(true);
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        wait_until("Telegram has the first part", || world.texts(5).len() == 1).await;
        running.host.remove(&worker(1)).await.unwrap();
        world.delay_responses(false);
        tokio::time::sleep(SETTLED).await;
        assert_eq!(world.texts(5), ["first"], "the worker was removed");
        running.host.start(&spec(2, TOKEN)).await.unwrap();
        wait_until("the second part", || world.texts(5).len() > 1).await;
        tokio::time::sleep(SETTLED).await;
        assert_eq!(world.texts(5), ["first", "second"]);
        assert!(world.questions().is_empty());
    }
}
