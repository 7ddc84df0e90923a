//! A turn is canceled after Telegram has received a part of the reply and before it has confirmed it. The part is not
//! sent again.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::UpdateRowId;
use reef_embedded::Delivery;
use reef_service::ports::{Clock as _, SystemClock, WorkerHost as _};
use reef_store::testing::TestStore;
use reef_store::{NewUpdate, on_both_databases};
use uuid::Uuid;

use crate::rig::{NAME, TOKEN, assistant, host, message, run, spec, tell, worker};
use crate::world::{World, until};

/// How long to wait for messages that must not come.
const SETTLED: Duration = Duration::from_millis(300);

fn now() -> Timestamp {
    SystemClock.now()
}

/// Stores a reply of two parts of which none has been sent.
async fn two_parts(db: &TestStore) {
    let (id, killed) = (UpdateRowId::new(Uuid::from_u128(1)), Uuid::from_u128(99));
    let body = message(1, 5, "one").to_string();
    let update = NewUpdate {
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
    assert!(tx.insert_update(&update, now()).await.unwrap());
    tx.claim_update(assistant(), 5, killed, now(), now().plus(Duration::from_secs(9)))
        .await
        .unwrap()
        .unwrap();
    assert!(tx.save_answer(id, killed, &answer).await.unwrap());
    tx.hand_back_update(id, killed).await.unwrap();
    tx.commit().await.unwrap();
}

on_both_databases! {
    async fn redeployment_while_a_part_is_under_way_sends_it_once(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.silence(true);
        tell(&running.host, 1, 5, "one").await;
        until("Telegram has the answer", || world.texts(5).len() == 1).await;
        running.host.start(&spec(2, TOKEN)).await.unwrap();
        tokio::time::sleep(SETTLED).await;
        world.silence(false);
        tell(&running.host, 2, 5, "two").await;
        until("the next answer", || world.texts(5).len() > 1).await;
        tokio::time::sleep(SETTLED).await;
        assert_eq!(world.texts(5), ["one after 0", "two after 1"]);
        assert_eq!(world.asked(), ["one", "two"]);
    }

    async fn stop_and_new_start_while_a_part_is_under_way_send_it_once(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.silence(true);
        tell(&running.host, 1, 5, "one").await;
        until("Telegram has the answer", || world.texts(5).len() == 1).await;
        running.host.remove(&worker(1)).await.unwrap();
        assert!(!running.host.is_known(NAME).await.unwrap(), "the stop does not wait for the part");
        tokio::time::sleep(SETTLED).await;
        world.silence(false);
        running.host.start(&spec(2, TOKEN)).await.unwrap();
        tell(&running.host, 2, 5, "two").await;
        until("the next answer", || world.texts(5).len() > 1).await;
        tokio::time::sleep(SETTLED).await;
        assert_eq!(world.texts(5), ["one after 0", "two after 1"]);
    }

    async fn end_of_the_process_while_a_part_is_under_way_sends_it_once(db: TestStore) {
        let world = World::start().await;
        let first = run(&db.store, &world, Delivery::Webhook);
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        world.silence(true);
        tell(&first.host, 1, 5, "one").await;
        until("Telegram has the answer", || world.texts(5).len() == 1).await;
        // The part takes longer than the drain of the host.
        let ((), ()) = tokio::join!(first.stop(), async {
            tokio::time::sleep(4 * SETTLED).await;
            world.silence(false);
        });
        let second = run(&db.store, &world, Delivery::Webhook);
        tell(&second.host, 2, 5, "two").await;
        until("the next answer", || world.texts(5).len() > 1).await;
        tokio::time::sleep(SETTLED).await;
        assert_eq!(world.texts(5), ["one after 0", "two after 1"]);
    }

    async fn cut_between_two_parts_sends_the_second_by_the_next_run(db: TestStore) {
        let world = World::start().await;
        host(&db.store, &world, Delivery::Webhook).start(&spec(1, TOKEN)).await.unwrap();
        two_parts(&db).await;
        world.silence(true);
        let running = run(&db.store, &world, Delivery::Webhook);
        until("Telegram has the first part", || world.texts(5).len() == 1).await;
        running.host.remove(&worker(1)).await.unwrap();
        world.silence(false);
        tokio::time::sleep(SETTLED).await;
        assert_eq!(world.texts(5), ["first"], "the worker was removed");
        running.host.start(&spec(2, TOKEN)).await.unwrap();
        until("the second part", || world.texts(5).len() > 1).await;
        tokio::time::sleep(SETTLED).await;
        assert_eq!(world.texts(5), ["first", "second"]);
        assert!(world.asked().is_empty());
    }
}
