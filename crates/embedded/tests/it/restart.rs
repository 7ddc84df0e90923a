use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::UpdateRowId;
use reef_embedded::Delivery;
use reef_service::ports::{Clock, SystemClock, WorkerHost};
use reef_store::{NewUpdate, Store, on_both_databases};
use uuid::Uuid;

use crate::rig::{TOKEN, assistant, host, message, run, spec, tell};
use crate::world::{World, until};

fn now() -> Timestamp {
    SystemClock.now()
}

fn update(update_id: i64) -> NewUpdate {
    NewUpdate {
        id: UpdateRowId::new(Uuid::from_u128(u128::try_from(update_id).unwrap())),
        assistant_id: assistant(),
        bot_id: 1001,
        update_id,
        chat_id: 5,
        body: message(update_id, 5, &format!("question {update_id}")).to_string(),
        media_group_id: None,
        not_before: None,
    }
}

/// Stores what a process leaves behind that was killed during a turn: a lease and, if given, a saved reply.
async fn leave_behind(store: &Store, answer: Option<&str>, leased_until: Timestamp) {
    let (id, killed) = (update(1).id, Uuid::from_u128(99));
    let mut tx = store.begin().await.unwrap();
    for update_id in [1, 2] {
        assert!(tx.insert_update(&update(update_id), now()).await.unwrap());
    }
    tx.claim_update(assistant(), 5, killed, now(), leased_until).await.unwrap().unwrap();
    if let Some(answer) = answer {
        assert!(tx.save_answer(id, killed, answer).await.unwrap());
        assert!(tx.set_sent_parts(id, killed, 1).await.unwrap());
    }
    tx.commit().await.unwrap();
}

/// When the lease of the killed process expires. With a database for a single process, the next process does not wait
/// for that.
fn lease_of_the_killed(store: &Store) -> Timestamp {
    let wait = if store.is_single_process() { 3_600 } else { 1 };
    now().plus(Duration::from_secs(wait))
}

on_both_databases! {
    async fn a_stop_hands_the_turn_back_and_the_next_process_sends_the_saved_answer(db: TestStore) {
        let world = World::start().await;
        let first = run(&db.store, &world, Delivery::Webhook);
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        world.mute(true);
        tell(&first.host, 1, 5, "one").await;
        until("the model has answered", || world.asked().len() == 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        first.stop().await;
        world.mute(false);
        let second = run(&db.store, &world, Delivery::Webhook);
        until("the answer", || world.texts(5) == ["one after 0"]).await;
        assert_eq!(world.asked(), ["one"]);
        tell(&second.host, 2, 5, "two").await;
        until("the memory is there", || world.texts(5).get(1).is_some_and(|text| text == "two after 1")).await;
    }

    async fn after_a_kill_only_what_was_not_sent_is_sent(db: TestStore) {
        let world = World::start().await;
        host(&db.store, &world, Delivery::Webhook).start(&spec(1, TOKEN)).await.unwrap();
        let parts = r#"[{"text":"sent","style":"plain"},{"text":"unsent","style":"plain"}]"#;
        let answer = format!(r#"{{"chat_id":5,"thread_id":null,"reply_to":null,"parts":{parts},"sent":0}}"#);
        leave_behind(&db.store, Some(&answer), lease_of_the_killed(&db.store)).await;
        let _running = run(&db.store, &world, Delivery::Webhook);
        until("both answers", || world.texts(5).len() == 2).await;
        assert_eq!(world.texts(5), ["unsent", "question 2 after 0"]);
        assert_eq!(world.asked(), ["question 2"]);
    }

    async fn after_a_kill_before_the_answer_the_turn_is_run_again(db: TestStore) {
        let world = World::start().await;
        host(&db.store, &world, Delivery::Webhook).start(&spec(1, TOKEN)).await.unwrap();
        leave_behind(&db.store, None, lease_of_the_killed(&db.store)).await;
        let _running = run(&db.store, &world, Delivery::Webhook);
        until("both answers", || world.texts(5).len() == 2).await;
        assert_eq!(world.texts(5), ["question 1 after 0", "question 2 after 1"]);
    }

    async fn what_waits_longer_than_a_day_is_not_answered(db: TestStore) {
        let world = World::start().await;
        host(&db.store, &world, Delivery::Webhook).start(&spec(1, TOKEN)).await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        let old = now().minus(Duration::from_secs(25 * 3600));
        assert!(tx.insert_update(&update(1), old).await.unwrap());
        assert!(tx.insert_update(&update(2), now()).await.unwrap());
        tx.commit().await.unwrap();
        let _running = run(&db.store, &world, Delivery::Webhook);
        until("the fresh one's answer", || world.texts(5) == ["question 2 after 0"]).await;
        assert_eq!(world.asked(), ["question 2"]);
    }

    async fn two_processes_on_one_database_answer_once(db: TestStore) {
        let world = World::start().await;
        let one = run(&db.store, &world, Delivery::Webhook);
        // SQLite allows only one process, so the test there has one host with several tasks.
        let two = (!db.store.is_single_process()).then(|| run(&db.store, &world, Delivery::Webhook));
        one.host.start(&spec(1, TOKEN)).await.unwrap();
        let hosts = [&one.host, two.as_ref().map_or(&one.host, |two| &two.host)];
        for update_id in 1..=10 {
            tell(hosts[usize::from(update_id % 2 == 0)], update_id, 5, &format!("q{update_id}")).await;
        }
        until("all answers", || world.texts(5).len() == 10).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let expected: Vec<_> = (1..=10).map(|i| format!("q{i} after {}", i - 1)).collect();
        assert_eq!(world.texts(5), expected);
    }
}
