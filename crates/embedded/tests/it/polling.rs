use std::time::Duration;

use reef_embedded::Delivery;
use reef_service::ports::{Clock, SystemClock, WorkerHost};
use reef_store::on_both_databases;

use crate::rig::{NAME, TOKEN, message, run, spec, worker};
use crate::world::{World, flood, until};

on_both_databases! {
    async fn a_polling_worker_fetches_and_confirms(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Polling);
        world.offer(TOKEN, message(7, 5, "one"));
        let started = running.host.start(&spec(1, TOKEN)).await.unwrap();
        assert_eq!(started.webhook_url, None);
        until("the answer", || world.texts(5) == ["one after 0"]).await;
        until("the confirmation", || world.polls().last() == Some(&(TOKEN.to_owned(), Some(8)))).await;
        world.offer(TOKEN, message(8, 5, "two"));
        until("the next answer", || world.texts(5).len() == 2).await;
        assert_eq!(world.polls()[0], (TOKEN.to_owned(), None));
        assert_eq!(world.asked(), ["one", "two"]);
    }

    async fn a_removed_worker_is_polled_no_more(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Polling);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        until("the first poll", || world.polls().len() == 1).await;
        running.host.remove(&worker(1)).await.unwrap();
        world.offer(TOKEN, message(1, 5, "anyone?"));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(world.polls().len(), 1);
        assert!(world.said().is_empty());
    }

    async fn a_new_run_polls_with_its_own_token(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Polling);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        until("the first poll", || world.polls().len() == 1).await;
        running.host.start(&spec(2, "2002:AAsecond")).await.unwrap();
        world.offer("2002:AAsecond", message(1, 5, "hello"));
        until("the new bot's answer", || world.texts(5) == ["hello after 0"]).await;
        assert_eq!(world.said()[0].token, "2002:AAsecond");
    }

    async fn a_refused_token_is_left_alone_until_a_redeployment(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Polling);
        world.revoke(TOKEN);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let mut tx = db.store.read().await.unwrap();
        assert!(tx.worker(NAME).await.unwrap().is_some(), "the row stays");
        assert_eq!(tx.unpolled_workers(SystemClock.now(), 10).await.unwrap(), []);
        drop(tx);
        world.offer("2002:AAsecond", message(1, 5, "hello"));
        running.host.start(&spec(2, "2002:AAsecond")).await.unwrap();
        until("the new bot's answer", || world.texts(5) == ["hello after 0"]).await;
    }

    async fn the_next_process_polls_on_where_the_last_one_stopped(db: TestStore) {
        let world = World::start().await;
        let first = run(&db.store, &world, Delivery::Polling);
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        world.offer(TOKEN, message(7, 5, "one"));
        until("the confirmation", || world.polls().last() == Some(&(TOKEN.to_owned(), Some(8)))).await;
        until("the answer", || world.texts(5).len() == 1).await;
        first.stop().await;
        let polls = world.polls().len();
        // The configuration applies to workers that start from now on, and this one still has no webhook.
        let _second = run(&db.store, &world, Delivery::Webhook);
        until("the next process polls", || world.polls().len() > polls).await;
        assert_eq!(world.polls()[polls], (TOKEN.to_owned(), Some(8)));
    }

    async fn update_ids_that_start_again_lower_are_answered_and_confirmed(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Polling);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.offer(TOKEN, message(900_000_000, 5, "before"));
        until("the confirmation", || world.polls().last() == Some(&(TOKEN.to_owned(), Some(900_000_001)))).await;
        // The updates do not fit into one response.
        for id in 17..=267 {
            world.offer(TOKEN, message(id, 1_000 + id, "after"));
        }
        until("all answers", || world.said().len() == 252).await;
        until("the confirmation", || world.polls().last() == Some(&(TOKEN.to_owned(), Some(268)))).await;
        assert!(world.polls().len() < 12, "{} polls", world.polls().len());
        assert_eq!(world.asked().len(), 252);
    }

    async fn the_same_response_is_never_fetched_in_a_loop(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Polling);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.forget_confirmations();
        world.offer(TOKEN, message(17, 5, "one"));
        until("the answer", || world.texts(5).len() == 1).await;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert!(world.polls().len() <= 6, "{} polls", world.polls().len());
        assert_eq!(world.texts(5), ["one after 0"]);
    }

    async fn a_response_without_any_readable_update_is_not_fetched_in_a_loop(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Polling);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.offer(TOKEN, serde_json::json!({"update_id": "a new kind"}));
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert!(world.polls().len() <= 4, "{} polls", world.polls().len());
    }

    async fn a_flood_wait_of_polls_outlasts_a_restart(db: TestStore) {
        let world = World::start().await;
        world.refuse_polls([flood(3)]);
        let first = run(&db.store, &world, Delivery::Polling);
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        until("the refusal", || world.polls().len() == 1).await;
        let refused = std::time::Instant::now();
        tokio::time::sleep(Duration::from_millis(300)).await;
        first.stop().await;
        let _second = run(&db.store, &world, Delivery::Polling);
        until("the next poll", || world.polls().len() == 2).await;
        assert!(refused.elapsed() >= Duration::from_millis(2_900), "{:?}", refused.elapsed());
    }
}
