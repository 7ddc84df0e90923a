use std::time::Duration;

use reef_ports::WorkerHost;
use reef_store::{Store, on_both_databases};
use reef_workers::embedded::{UpdateSource, WebhookOutcome};

use crate::fake_server::{FakeServer, wait_until};
use crate::setup::{NAME, TOKEN, assistant, run, send_text, spec, text_update, worker};

/// Renames the assistant under test.
async fn rename_assistant(store: &Store, name: &str) {
    let mut tx = store.begin().await.unwrap();
    let mut row = tx.lock_assistant(assistant()).await.unwrap().unwrap();
    row.config.name = Some(name.to_owned());
    assert!(tx.update_assistant(&mut row).await.unwrap());
    tx.commit().await.unwrap();
}

on_both_databases! {
    async fn chats_are_answered_in_order_and_independently(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.hold_answer("slow");
        send_text(&running.host, 1, 5, "slow").await;
        wait_until("the model thinks", || world.questions() == ["slow"]).await;
        for (update, text) in [(2, "second"), (3, "third")] {
            send_text(&running.host, update, 5, text).await;
        }
        for (update, chat) in [(4, 6), (5, 7), (6, 8)] {
            send_text(&running.host, update, chat, "quick").await;
            wait_until("another chat's answer", || world.texts(chat) == ["quick after 0"]).await;
        }
        assert!(world.texts(5).is_empty());
        world.release_answer("slow");
        wait_until("the slow chat's answers", || world.texts(5).len() == 3).await;
        assert_eq!(world.texts(5), ["slow after 0", "second after 1", "third after 2"]);
    }

    async fn failed_send_is_retried_with_saved_reply(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        // The turn fails, and the next run has the saved answer.
        world.fail_sending(3);
        send_text(&running.host, 1, 5, "one").await;
        wait_until("the answer", || world.texts(5) == ["one after 0"]).await;
        assert_eq!(world.questions(), ["one"]);
    }

    async fn changed_name_applies_to_next_turn(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        send_text(&running.host, 1, 5, "/start").await;
        wait_until("a greeting", || world.texts(5).len() == 1).await;
        assert!(world.texts(5)[0].contains("I'm Coral."), "{:?}", world.texts(5));
        rename_assistant(&db.store, "Pearl").await;
        send_text(&running.host, 2, 5, "/start").await;
        wait_until("a greeting", || world.texts(5).len() == 2).await;
        assert!(world.texts(5)[1].contains("I'm Pearl."), "{:?}", world.texts(5));
    }

    async fn reset_deletes_only_its_conversation(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        for (update, chat, text) in [(1, 5, "a"), (2, 6, "a"), (3, 5, "/reset"), (4, 5, "b"), (5, 6, "b")] {
            send_text(&running.host, update, chat, text).await;
        }
        wait_until("all answers", || world.sent().len() == 5).await;
        assert_eq!(world.texts(5).last().map(String::as_str), Some("b after 0"));
        assert_eq!(world.texts(6).last().map(String::as_str), Some("b after 1"));
    }

    async fn revoked_token_drops_updates_and_keeps_worker(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        world.hold_answer("one");
        for (update, text) in [(1, "one"), (2, "two"), (3, "three")] {
            send_text(host, update, 5, text).await;
        }
        wait_until("the model thinks", || world.questions().len() == 1).await;
        world.revoke(TOKEN);
        world.release_answer("one");
        let waiting = || async { db.store.read().await.unwrap().count_open_bot_updates(assistant()).await.unwrap() };
        for _ in 0..1_000 {
            if waiting().await == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(waiting().await, 0);
        assert_eq!(world.questions(), ["one"], "the model is not asked for answers that cannot be sent");
        host.health(&worker(1)).await.unwrap();
    }

    async fn removed_worker_stops_and_redeployment_continues(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        world.hold_answer("slow");
        send_text(host, 1, 5, "slow").await;
        wait_until("the model thinks", || world.questions().len() == 1).await;
        host.remove(&worker(1)).await.unwrap();
        assert_eq!(send_text(host, 2, 5, "anyone?").await, WebhookOutcome::UnknownWorker);
        world.release_answer("slow");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(world.sent().is_empty(), "a removed worker sends nothing");
        host.start(&spec(2, TOKEN)).await.unwrap();
        wait_until("what waited is answered", || world.texts(5) == ["slow after 0"]).await;
    }

    async fn redeployment_with_another_token_uses_other_bot(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        send_text(host, 1, 5, "one").await;
        wait_until("an answer", || world.texts(5).len() == 1).await;
        world.hold_answer("for the first bot");
        send_text(host, 2, 5, "for the first bot").await;
        wait_until("the model thinks", || world.questions().len() == 2).await;
        let mut next = spec(2, "2002:AAsecond");
        next.webhook_secret = "another".into();
        host.start(&next).await.unwrap();
        assert_eq!(send_text(host, 1, 5, "x").await, WebhookOutcome::WrongSecret);
        // The update ids of the new bot are independent of those of the first.
        let body = text_update(1, 5, "two").to_string();
        assert_eq!(host.receive(NAME, Some("another"), body.as_bytes()).await, WebhookOutcome::Accepted);
        wait_until("the new bot's answer", || world.texts(5).len() == 2).await;
        let last = world.sent().pop().unwrap();
        assert_eq!((last.token.as_str(), last.text.as_str()), ("2002:AAsecond", "two after 1"));
    }
}
