use std::time::Duration;

use reef_domain::Assistant;
use reef_domain::ids::UserId;
use reef_domain::wire::ApiMode;
use reef_embedded::{Delivery, Received};
use reef_service::ports::{Clock as _, SystemClock, WorkerHost};
use reef_store::{Store, UserRow, on_both_databases};

use crate::rig::{NAME, TOKEN, assistant, message, run, spec, tell, worker};
use crate::world::{World, until};

/// Stores the assistant under test with a name.
async fn named(store: &Store, name: &str) {
    let owner = UserRow {
        id: UserId::new(assistant().uuid()),
        email: "ann@example.com".to_owned(),
        password_hash: String::new(),
        callback_secret: vec![1],
        callback_secret_previous: None,
        callback_secret_rotated: None,
        created_at: SystemClock.now(),
        email_confirmed_at: None,
    };
    let mut row = Assistant::ordered(assistant(), owner.id, ApiMode::Byok, owner.created_at);
    row.config.name = Some(name.to_owned());
    let mut tx = store.begin().await.unwrap();
    assert!(tx.insert_user(&owner).await.unwrap());
    tx.insert_assistant(&row).await.unwrap();
    tx.commit().await.unwrap();
}

on_both_databases! {
    async fn a_chat_is_answered_in_order_and_a_slow_one_holds_up_no_other(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        world.stick("slow");
        tell(&running.host, 1, 5, "slow").await;
        until("the model thinks", || world.asked() == ["slow"]).await;
        for (update, text) in [(2, "second"), (3, "third")] {
            tell(&running.host, update, 5, text).await;
        }
        for (update, chat) in [(4, 6), (5, 7), (6, 8)] {
            tell(&running.host, update, chat, "quick").await;
            until("another chat's answer", || world.texts(chat) == ["quick after 0"]).await;
        }
        assert!(world.texts(5).is_empty());
        world.unstick("slow");
        until("the slow chat's answers", || world.texts(5).len() == 3).await;
        assert_eq!(world.texts(5), ["slow after 0", "second after 1", "third after 2"]);
    }

    async fn a_turn_that_telegram_did_not_take_is_tried_again_without_asking_anew(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        // The turn fails, and the next run has the saved answer.
        world.fail_sending(3);
        tell(&running.host, 1, 5, "one").await;
        until("the answer", || world.texts(5) == ["one after 0"]).await;
        assert_eq!(world.asked(), ["one"]);
    }

    async fn name_that_changed_is_used_from_the_next_turn_on(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        tell(&running.host, 1, 5, "/start").await;
        until("a greeting", || world.texts(5).len() == 1).await;
        assert!(world.texts(5)[0].contains("I'm Coral."), "{:?}", world.texts(5));
        named(&db.store, "Pearl").await;
        tell(&running.host, 2, 5, "/start").await;
        until("a greeting", || world.texts(5).len() == 2).await;
        assert!(world.texts(5)[1].contains("I'm Pearl."), "{:?}", world.texts(5));
    }

    async fn a_reset_forgets_the_chat_and_no_other(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        for (update, chat, text) in [(1, 5, "a"), (2, 6, "a"), (3, 5, "/reset"), (4, 5, "b"), (5, 6, "b")] {
            tell(&running.host, update, chat, text).await;
        }
        until("all answers", || world.said().len() == 5).await;
        assert_eq!(world.texts(5).last().map(String::as_str), Some("b after 0"));
        assert_eq!(world.texts(6).last().map(String::as_str), Some("b after 1"));
    }

    async fn a_revoked_token_ends_what_waits_and_keeps_the_worker(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        world.stick("one");
        for (update, text) in [(1, "one"), (2, "two"), (3, "three")] {
            tell(host, update, 5, text).await;
        }
        until("the model thinks", || world.asked().len() == 1).await;
        world.revoke(TOKEN);
        world.unstick("one");
        let waiting = || async { db.store.read().await.unwrap().count_open_updates(assistant()).await.unwrap() };
        for _ in 0..1_000 {
            if waiting().await == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(waiting().await, 0);
        assert_eq!(world.asked(), ["one"], "the model is not asked for answers that cannot be sent");
        host.health(&worker(1)).await.unwrap();
    }

    async fn a_removed_worker_stops_at_once_and_its_redeployment_goes_on(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        world.stick("slow");
        tell(host, 1, 5, "slow").await;
        until("the model thinks", || world.asked().len() == 1).await;
        host.remove(&worker(1)).await.unwrap();
        assert_eq!(tell(host, 2, 5, "anyone?").await, Received::Unknown);
        world.unstick("slow");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(world.said().is_empty(), "a removed worker sends nothing");
        host.start(&spec(2, TOKEN)).await.unwrap();
        until("what waited is answered", || world.texts(5) == ["slow after 0"]).await;
    }

    async fn a_redeployment_with_another_token_speaks_as_the_other_bot(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        tell(host, 1, 5, "one").await;
        until("an answer", || world.texts(5).len() == 1).await;
        world.stick("for the first bot");
        tell(host, 2, 5, "for the first bot").await;
        until("the model thinks", || world.asked().len() == 2).await;
        let mut next = spec(2, "2002:AAsecond");
        next.webhook_secret = "another".into();
        host.start(&next).await.unwrap();
        assert_eq!(tell(host, 1, 5, "x").await, Received::WrongSecret);
        // The update ids of the new bot are independent of those of the first.
        let body = message(1, 5, "two").to_string();
        assert_eq!(host.receive(NAME, Some("another"), body.as_bytes()).await, Received::Accepted);
        until("the new bot's answer", || world.texts(5).len() == 2).await;
        let last = world.said().pop().unwrap();
        assert_eq!((last.token.as_str(), last.text.as_str()), ("2002:AAsecond", "two after 1"));
    }
}
