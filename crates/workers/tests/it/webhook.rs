use reef_domain::ids::UpdateRowId;
use reef_outbound::SystemClock;
use reef_ports::{Clock, WorkerHost};
use reef_store::{NewBotUpdate, on_both_databases};
use reef_workers::embedded::{UpdateSource, WebhookOutcome};
use uuid::Uuid;

use crate::fake_server::{FakeServer, wait_until};
use crate::setup::{NAME, SECRET, TOKEN, assistant, run, send_text, spec, text_update};

on_both_databases! {
    async fn message_is_answered_and_remembered(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        assert_eq!(send_text(&running.host, 1, 5, "one").await, WebhookOutcome::Accepted);
        wait_until("the first answer", || world.texts(5) == ["one after 0"]).await;
        assert_eq!(send_text(&running.host, 2, 5, "two").await, WebhookOutcome::Accepted);
        wait_until("the second answer", || world.texts(5).len() == 2).await;
        assert_eq!(world.texts(5)[1], "two after 1");
        assert!(world.sent().iter().all(|message| message.token == TOKEN));
    }

    async fn repeated_update_is_answered_once(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        running.host.start(&spec(1, TOKEN)).await.unwrap();
        for _ in 0..3 {
            assert_eq!(send_text(&running.host, 1, 5, "one").await, WebhookOutcome::Accepted);
        }
        wait_until("the answer", || world.texts(5).len() == 1).await;
        assert_eq!(send_text(&running.host, 1, 5, "one").await, WebhookOutcome::Accepted);
        assert_eq!(send_text(&running.host, 2, 5, "two").await, WebhookOutcome::Accepted);
        wait_until("the next answer", || world.texts(5).len() == 2).await;
        assert_eq!(world.questions(), ["one", "two"]);
    }

    async fn wrong_secret_is_rejected(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        let body = text_update(1, 5, "hello").to_string();
        for secret in [None, Some(""), Some("wrong"), Some("hook-secret2")] {
            let received = host.receive(NAME, secret, body.as_bytes()).await;
            assert_eq!((received, received.status()), (WebhookOutcome::WrongSecret, 401), "{secret:?}");
        }
        let unknown = host.receive("openclaw-ffffffff", Some(SECRET), body.as_bytes()).await;
        assert_eq!((unknown, unknown.status()), (WebhookOutcome::UnknownWorker, 404));
        assert!(host.has_worker(NAME).await.unwrap());
        assert!(!host.has_worker("openclaw-ffffffff").await.unwrap());
        for rubbish in [&b"{}"[..], b"", b"\xff"] {
            let received = host.receive(NAME, Some(SECRET), rubbish).await;
            assert_eq!((received, received.status()), (WebhookOutcome::Malformed, 200));
        }
        // An update that needs no answer is not stored.
        let poll = host.receive(NAME, Some(SECRET), br#"{"update_id":3,"poll":{}}"#).await;
        assert_eq!(poll, WebhookOutcome::Accepted);
        assert_eq!(db.store.read().await.unwrap().count_open_bot_updates(assistant()).await.unwrap(), 0);
        assert!(world.sent().is_empty());
    }

    async fn blank_secret_is_rejected(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        let mut open = spec(1, TOKEN);
        open.webhook_secret = "".into();
        running.host.start(&open).await.unwrap();
        let body = text_update(1, 5, "hello").to_string();
        assert_eq!(running.host.receive(NAME, Some(""), body.as_bytes()).await, WebhookOutcome::WrongSecret);
    }

    async fn waiting_updates_are_limited(db: TestStore) {
        let world = FakeServer::start().await;
        let running = run(&db.store, &world, UpdateSource::Webhook).await;
        let host = &running.host;
        host.start(&spec(1, TOKEN)).await.unwrap();
        let mut tx = db.store.begin().await.unwrap();
        for update_id in 0..1_000_i64 {
            let new = NewBotUpdate {
                id: UpdateRowId::new(Uuid::from_u128(u128::try_from(update_id).unwrap())),
                assistant_id: assistant(),
                bot_id: 1001,
                update_id,
                chat_id: 5,
                body: text_update(update_id, 5, "stuck").to_string(),
                media_group_id: None,
                not_before: None,
            };
            assert!(tx.insert_bot_update(&new, SystemClock.now()).await.unwrap());
        }
        world.hold_answer("stuck");
        tx.commit().await.unwrap();
        let received = send_text(host, 1_000, 5, "too much").await;
        assert_eq!((received, received.status()), (WebhookOutcome::TooManyWaiting, 429));
        assert_eq!(send_text(host, 999, 5, "stuck").await, WebhookOutcome::Accepted);
    }
}
