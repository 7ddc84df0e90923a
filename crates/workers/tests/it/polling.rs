use std::time::Duration;

use reef_outbound::SystemClock;
use reef_ports::{Clock, WorkerHost};
use reef_store::on_both_databases;
use reef_workers::embedded::UpdateSource;

use crate::fake_server::{FakeServer, flood, wait_until};
use crate::setup::{NAME, TOKEN, run, spec, text_update, worker};

on_both_databases! {
    async fn poll_fetches_and_confirms_updates(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        world.add_update(TOKEN, text_update(7, 5, "one"));
        let started = running.host.start(&spec(1, TOKEN)).await.unwrap();
        assert_eq!(started.webhook_url, None);
        wait_until("the answer", || world.texts(5) == ["one after 0"]).await;
        wait_until("the confirmation", || world.polls().last() == Some(&(TOKEN.to_owned(), Some(8)))).await;
        world.add_update(TOKEN, text_update(8, 5, "two"));
        wait_until("the next answer", || world.texts(5).len() == 2).await;
        assert_eq!(world.polls()[0], (TOKEN.to_owned(), None));
        assert_eq!(world.questions(), ["one", "two"]);
    }

    async fn removed_worker_is_not_polled(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        wait_until("the first poll", || world.polls().len() == 1).await;
        running.host.remove(&worker(1)).await.unwrap();
        world.add_update(TOKEN, text_update(1, 5, "anyone?"));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(world.polls().len(), 1);
        assert!(world.sent().is_empty());
    }

    async fn new_generation_polls_with_its_token(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        wait_until("the first poll", || world.polls().len() == 1).await;
        running.host.start(&spec(2, "2002:AAsecond")).await.unwrap();
        world.add_update("2002:AAsecond", text_update(1, 5, "hello"));
        wait_until("the new bot's answer", || world.texts(5) == ["hello after 0"]).await;
        assert_eq!(world.sent()[0].token, "2002:AAsecond");
    }

    async fn rejected_token_is_not_polled_until_redeployment(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        world.revoke(TOKEN);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let mut tx = db.store.read().await.unwrap();
        assert!(tx.find_worker(NAME).await.unwrap().is_some(), "the row stays");
        assert_eq!(tx.list_unpolled_workers(SystemClock.now(), 10).await.unwrap(), []);
        drop(tx);
        world.add_update("2002:AAsecond", text_update(1, 5, "hello"));
        running.host.start(&spec(2, "2002:AAsecond")).await.unwrap();
        wait_until("the new bot's answer", || world.texts(5) == ["hello after 0"]).await;
    }

    async fn restarted_process_continues_polling(db: TestStore) {
        let world = FakeServer::start().await;
        let first = run(&db.store, &world, UpdateSource::Polling).await;
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        world.add_update(TOKEN, text_update(7, 5, "one"));
        wait_until("the confirmation", || world.polls().last() == Some(&(TOKEN.to_owned(), Some(8)))).await;
        wait_until("the answer", || world.texts(5).len() == 1).await;
        first.stop().await;
        let polls = world.polls().len();
        // The configuration applies to workers that start from now on, and this one still has no webhook.
        let _second = run(&db.store, &world, UpdateSource::Webhook).await;
        wait_until("the next process polls", || world.polls().len() > polls).await;
        assert_eq!(world.polls()[polls], (TOKEN.to_owned(), Some(8)));
    }

    async fn lower_update_ids_are_answered_and_confirmed(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.add_update(TOKEN, text_update(900_000_000, 5, "before"));
        wait_until("the confirmation", || world.polls().last() == Some(&(TOKEN.to_owned(), Some(900_000_001)))).await;
        // The updates do not fit into one response.
        for id in 17..=267 {
            world.add_update(TOKEN, text_update(id, 1_000 + id, "after"));
        }
        wait_until("all answers", || world.sent().len() == 252).await;
        wait_until("the confirmation", || world.polls().last() == Some(&(TOKEN.to_owned(), Some(268)))).await;
        assert!(world.polls().len() < 12, "{} polls", world.polls().len());
        assert_eq!(world.questions().len(), 252);
    }

    async fn unconfirmed_response_is_not_fetched_in_loop(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.ignore_confirmations();
        world.add_update(TOKEN, text_update(17, 5, "one"));
        wait_until("the answer", || world.texts(5).len() == 1).await;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert!(world.polls().len() <= 6, "{} polls", world.polls().len());
        assert_eq!(world.texts(5), ["one after 0"]);
    }

    async fn malformed_response_is_not_fetched_in_loop(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Polling).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.add_update(TOKEN, serde_json::json!({"update_id": "a new kind"}));
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert!(world.polls().len() <= 4, "{} polls", world.polls().len());
    }

    async fn poll_flood_wait_survives_restart(db: TestStore) {
        let world = FakeServer::start().await;
        world.reject_polls([flood(3)]);
        let first = run(&db.store, &world, UpdateSource::Polling).await;
        first.host.start(&spec(1, TOKEN)).await.unwrap();
        wait_until("the refusal", || world.polls().len() == 1).await;
        let refused = std::time::Instant::now();
        tokio::time::sleep(Duration::from_millis(300)).await;
        first.stop().await;
        let _second = run(&db.store, &world, UpdateSource::Polling).await;
        wait_until("the next poll", || world.polls().len() == 2).await;
        assert!(refused.elapsed() >= Duration::from_millis(2_900), "{:?}", refused.elapsed());
    }
}
