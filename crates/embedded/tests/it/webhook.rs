use reef_domain::ids::UpdateRowId;
use reef_embedded::{Delivery, Received};
use reef_service::ports::{Clock, SystemClock, WorkerHost};
use reef_store::{NewUpdate, on_both_databases};
use uuid::Uuid;

use crate::rig::{NAME, SECRET, TOKEN, assistant, message, run, spec, tell};
use crate::world::{World, until};

on_both_databases! {
    async fn a_message_is_answered_and_remembered(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        assert_eq!(tell(&running.host, 1, 5, "one").await, Received::Accepted);
        until("the first answer", || world.texts(5) == ["one after 0"]).await;
        assert_eq!(tell(&running.host, 2, 5, "two").await, Received::Accepted);
        until("the second answer", || world.texts(5).len() == 2).await;
        assert_eq!(world.texts(5)[1], "two after 1");
        assert!(world.said().iter().all(|said| said.token == TOKEN));
    }

    async fn a_repeated_update_is_answered_once(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        for _ in 0..3 {
            assert_eq!(tell(&running.host, 1, 5, "one").await, Received::Accepted);
        }
        until("the answer", || world.texts(5).len() == 1).await;
        assert_eq!(tell(&running.host, 1, 5, "one").await, Received::Accepted);
        assert_eq!(tell(&running.host, 2, 5, "two").await, Received::Accepted);
        until("the next answer", || world.texts(5).len() == 2).await;
        assert_eq!(world.asked(), ["one", "two"]);
    }

    async fn only_telegram_with_the_workers_secret_gets_in(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        let body = message(1, 5, "hello").to_string();
        for secret in [None, Some(""), Some("wrong"), Some("hook-secret2")] {
            let received = host.receive(NAME, secret, body.as_bytes()).await;
            assert_eq!((received, received.status()), (Received::WrongSecret, 401), "{secret:?}");
        }
        let unknown = host.receive("openclaw-ffffffff", Some(SECRET), body.as_bytes()).await;
        assert_eq!((unknown, unknown.status()), (Received::Unknown, 404));
        assert!(host.is_known(NAME).await.unwrap());
        assert!(!host.is_known("openclaw-ffffffff").await.unwrap());
        for rubbish in [&b"{}"[..], b"", b"\xff"] {
            let received = host.receive(NAME, Some(SECRET), rubbish).await;
            assert_eq!((received, received.status()), (Received::Malformed, 200));
        }
        // An update that needs no answer is not stored.
        let poll = host.receive(NAME, Some(SECRET), br#"{"update_id":3,"poll":{}}"#).await;
        assert_eq!(poll, Received::Accepted);
        assert_eq!(db.store.read().await.unwrap().count_open_updates(assistant()).await.unwrap(), 0);
        assert!(world.said().is_empty());
    }

    async fn a_secret_that_is_blank_lets_nobody_in(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        let mut open = spec(1, TOKEN);
        open.webhook_secret = "".into();
        running.host.start(&open).await.unwrap();
        let body = message(1, 5, "hello").to_string();
        assert_eq!(running.host.receive(NAME, Some(""), body.as_bytes()).await, Received::WrongSecret);
    }

    async fn what_waits_is_bounded_and_a_repeat_is_never_refused(db: TestStore) {
        let world = World::start().await;
        let running = run(&db.store, &world, Delivery::Webhook);
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        for update_id in 0..1_000_i64 {
            let new = NewUpdate {
                id: UpdateRowId::new(Uuid::from_u128(u128::try_from(update_id).unwrap())),
                assistant_id: assistant(),
                bot_id: 1001,
                update_id,
                chat_id: 5,
                body: message(update_id, 5, "stuck").to_string(),
                media_group_id: None,
                not_before: None,
            };
            assert!(tx.insert_update(&new, SystemClock.now()).await.unwrap());
        }
        world.stick("stuck");
        tx.commit().await.unwrap();
        let received = tell(host, 1_000, 5, "too much").await;
        assert_eq!((received, received.status()), (Received::TooMany, 429));
        assert_eq!(tell(host, 999, 5, "stuck").await, Received::Accepted);
    }
}
