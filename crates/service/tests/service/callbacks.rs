use std::collections::HashSet;
use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::input::CallbackChange;
use reef_domain::wire::{DeliveryState, EventKind};
use reef_ports::{CallbackError, CallbackRequest};
use reef_service::callbacks::RETRY_DELAYS;
use reef_service::testing::{CALLBACK_URL, TestServices};
use reef_store::{DeliveryRow, on_both_databases};
use secrecy::{ExposeSecret, SecretString};
use standardwebhooks::Webhook;

use crate::support::{HOUR, SECOND, TICK, delete, redeploy, stop};

async fn newest_delivery(t: &TestServices, id: AssistantId) -> DeliveryRow {
    let mut tx = t.db.store.read().await.expect("begin should succeed");
    let deliveries = tx.list_deliveries(id, 100).await.expect("deliveries");
    // The clock stands still, so the time does not say which delivery is the latest.
    deliveries.into_iter().max_by_key(|delivery| delivery.sequence).expect("a delivery")
}

/// Whether the `standardwebhooks` crate accepts a request with this secret alone.
fn verifies(secret: &SecretString, sent: &CallbackRequest) -> bool {
    let webhook = Webhook::new(secret.expose_secret()).expect("a secret in the form libraries take");
    sent.signature.split(' ').any(|signature| {
        webhook.sign(&sent.id, sent.timestamp, sent.body.as_bytes()).is_ok_and(|own| own == signature)
    })
}

on_both_databases! {
    async fn failed_delivery_is_retried_on_schedule(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let before = t.callbacks.received().len();
        t.callbacks.respond_with([500; 100]);
        stop(&t, &me, id).await.unwrap();
        assert_eq!(t.run_jobs().await, 1);
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let schedule = [5 * SECOND, 300 * SECOND, 1800 * SECOND, hours(2), hours(5), hours(10), hours(14), hours(20), hours(24)];
        assert_eq!(schedule, RETRY_DELAYS);
        for (attempts, wait) in (1..).zip(schedule) {
            let delivery = newest_delivery(&t, id).await;
            assert_eq!((delivery.state, delivery.attempts, delivery.last_status), (DeliveryState::Pending, attempts, Some(500)));
            assert_eq!(t.advance_and_run(wait - TICK).await, 0, "too early before attempt {}", attempts + 1);
            assert_eq!(t.advance_and_run(wait / 10 + TICK).await, 1, "too late before attempt {}", attempts + 1);
        }
        let delivery = newest_delivery(&t, id).await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Failed, 10));
        let sent = &t.callbacks.received()[before..];
        assert_eq!(sent.len(), 10);
        assert_eq!(sent.iter().map(|sent| (&sent.id, &sent.body, &sent.url)).collect::<HashSet<_>>().len(), 1);
        let times: HashSet<_> = sent.iter().map(|sent| sent.timestamp).collect();
        assert_eq!(times.len(), 10, "each attempt has its own signature");
        t.finish().await;
    }

    async fn success_ends_retries(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.callbacks.script.fail("send", 1, || CallbackError::Timeout);
        t.callbacks.script.fail("send", 1, || CallbackError::AddressRefused);
        t.callbacks.respond_with([302, 204]);
        stop(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        let delivery = newest_delivery(&t, id).await;
        assert_eq!((delivery.last_status, delivery.last_error.as_deref()), (None, Some("no response within 15 s")));
        for _ in 0..3 {
            t.advance_and_run(3 * HOUR).await;
        }
        let delivery = newest_delivery(&t, id).await;
        assert_eq!((delivery.state, delivery.attempts, delivery.last_status), (DeliveryState::Delivered, 4, Some(204)));
        assert_eq!(delivery.last_error, None);
        t.finish().await;
    }

    async fn status_410_ends_delivery(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.callbacks.respond_with([410]);
        stop(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        let delivery = newest_delivery(&t, id).await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Failed, 1));
        t.finish().await;
    }

    async fn rotated_secrets_both_sign_for_a_day(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let old = t.services.get_signing_secret(me.user_id).await.unwrap();
        let new = t.services.rotate_signing_secret(&me).await.unwrap();
        assert_ne!(old.expose_secret(), new.expose_secret());
        assert_eq!(t.services.get_signing_secret(me.user_id).await.unwrap().expose_secret(), new.expose_secret());
        let first = t.callbacks.received().pop().unwrap();
        assert!(verifies(&old, &first) && !verifies(&new, &first));
        for (wait, does_old_sign) in [(Duration::ZERO, true), (24 * HOUR - TICK, true), (TICK, false)] {
            t.clock.advance(wait);
            redeploy(&t, &me, id).await.unwrap();
            t.run_jobs().await;
            let sent = t.callbacks.received().pop().unwrap();
            assert!(verifies(&new, &sent));
            assert_eq!(verifies(&old, &sent), does_old_sign, "{wait:?}");
        }
        t.finish().await;
    }

    async fn delivery_uses_url_of_its_event(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let before = t.callbacks.received().len();
        stop(&t, &me, id).await.unwrap();
        let elsewhere = CallbackChange::Replace("https://elsewhere.example.com/".into());
        t.services.redeploy(&me, &id.to_string(), Ok(elsewhere)).await.unwrap();
        t.run_jobs().await;
        stop(&t, &me, id).await.unwrap();
        t.services.redeploy(&me, &id.to_string(), Ok(CallbackChange::Clear)).await.unwrap();
        t.run_jobs().await;
        let mut urls: Vec<_> = t.callbacks.received()[before..].iter().map(|sent| sent.url.clone()).collect();
        urls.sort();
        let there = "https://elsewhere.example.com/".to_owned();
        assert_eq!(urls, [CALLBACK_URL.to_owned(), there.clone(), there.clone(), there]);
        t.finish().await;
    }

    async fn failing_endpoint_blocks_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        t.callbacks.respond_with([500; 1000]);
        let id = t.create_active(&me).await;
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        let before = t.record(&me, id).await;
        t.advance_and_run(HOUR).await;
        assert_eq!(t.record(&me, id).await, before);
        delete(&t, &me, id).await.unwrap();
        for _ in 0..12 {
            t.advance_and_run(48 * HOUR).await;
        }
        let delivery = newest_delivery(&t, id).await;
        assert_eq!(delivery.state, DeliveryState::Failed);
        t.finish().await;
    }

    async fn delivery_kind_is_type_in_body(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let text = id.to_string();
        let test = t.services.send_test_callback(&me, &text, Ok(())).await.unwrap();
        assert_eq!(test.kind, EventKind::Test);
        let again = t.services.redeliver(&me, &text, &test.id.to_string(), Ok(())).await.unwrap();
        assert_eq!((again.id, again.kind), (test.id, EventKind::Test));
        delete(&t, &me, id).await.unwrap();
        let mut tx = t.db.store.read().await.unwrap();
        let deliveries = tx.list_deliveries(id, 100).await.unwrap();
        drop(tx);
        for kind in [EventKind::StatusChanged, EventKind::Test, EventKind::Deleted] {
            assert!(deliveries.iter().any(|delivery| delivery.kind == kind), "{kind}");
        }
        for delivery in deliveries {
            let body: serde_json::Value = serde_json::from_str(&delivery.payload).unwrap();
            assert_eq!(body["type"], delivery.kind.as_str());
        }
        t.run_jobs().await;
        t.finish().await;
    }

    async fn delivery_log_shows_attempts_and_next_retry(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.callbacks.respond_with([500, 503]);
        t.callbacks.script.fail("send", 1, || CallbackError::Timeout);
        stop(&t, &me, id).await.unwrap();
        let log = |t: &TestServices| {
            let services = t.services.clone();
            async move { services.get_details(&me, &id.to_string()).await.unwrap().callbacks }
        };
        let newest = log(&t).await.into_iter().max_by_key(|one| one.delivery.sequence).unwrap();
        assert_eq!((newest.next_attempt_at, newest.attempts.len()), (Some(t.services.now()), 0));
        let mut changes = t.services.event_bus().subscribe(me.user_id, Some(id));
        let tried_at = t.services.now();
        t.run_jobs().await;
        assert!(changes.take_changes() > 0);
        t.advance_and_run(6 * SECOND).await;
        t.advance_and_run(330 * SECOND).await;
        let newest = log(&t).await.into_iter().max_by_key(|one| one.delivery.sequence).unwrap();
        let attempts: Vec<_> = newest.attempts.iter().map(|attempt| (attempt.number, attempt.status, attempt.error.as_deref())).collect();
        let expected = [(3, Some(503), Some("answered 503")), (2, Some(500), Some("answered 500")), (1, None, Some("no response within 15 s"))];
        assert_eq!(attempts, expected);
        assert_eq!(newest.attempts[2].started_at, tried_at);
        assert_eq!(newest.delivery.kind.as_str(), "assistant.status_changed");
        assert!(newest.next_attempt_at.unwrap().since(t.services.now()) >= 1800 * SECOND);
        // A manual redelivery is sent at once, and the earlier attempts stay in the log.
        let delivery = newest.delivery.id.to_string();
        t.services.redeliver(&me, &id.to_string(), &delivery, Ok(())).await.unwrap();
        t.run_jobs().await;
        let newest = log(&t).await.into_iter().max_by_key(|one| one.delivery.sequence).unwrap();
        assert_eq!((newest.delivery.state, newest.next_attempt_at), (DeliveryState::Delivered, None));
        assert_eq!(newest.attempts.iter().map(|attempt| attempt.status).collect::<Vec<_>>(), [Some(200), Some(503), Some(500), None]);
        t.finish().await;
    }
}
