use std::time::Duration;

use data_encoding::BASE64_NOPAD;
use reef_domain::wire::Status;
use reef_protocols::polar::WebhookHeaders;
use reef_service::Error;
use reef_service::testing::{POLAR_SECRET, START, TestServices};
use reef_store::on_both_databases;
use serde_json::json;
use standardwebhooks::Webhook;

use crate::support::SECOND;

fn paid(id: &impl ToString, subscription: &str) -> String {
    let data = json!({"id": subscription, "status": "active", "metadata": {"assistant_id": id.to_string()}});
    json!({"type": "subscription.active", "data": data}).to_string()
}

/// Signed by Polar's newer scheme, whose key is the base64 after the prefix.
fn signed_by_the_standard(id: &str, at: i64, body: &str) -> WebhookHeaders {
    let mut lenient = BASE64_NOPAD.specification();
    lenient.check_trailing_bits = false;
    let key = lenient.encoding().expect("a valid alphabet");
    let key = key.decode(POLAR_SECRET.trim_start_matches("whsec_").as_bytes()).expect("base64");
    let signature =
        Webhook::from_bytes(key).and_then(|key| key.sign(id, at, body.as_bytes())).expect("a signature");
    WebhookHeaders { id: id.to_owned(), timestamp: at.to_string(), signature }
}

on_both_databases! {
    async fn both_signature_schemes_are_accepted(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (first, second) = (t.create_unpaid(&me).await, t.create_unpaid(&me).await);
        let body = paid(&first, "sub_1");
        t.services.receive_polar(&t.sign_polar("w1", &body), body.as_bytes()).await.unwrap();
        let body = paid(&second, "sub_2");
        let headers = signed_by_the_standard("w2", START.unix_seconds(), &body);
        t.services.receive_polar(&headers, body.as_bytes()).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.status(&me, first).await, Status::Purchased);
        assert_eq!(t.status(&me, second).await, Status::Purchased);
        t.finish().await;
    }

    async fn unsigned_webhook_leaves_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        let body = paid(&id, "sub_1");
        let other_id = WebhookHeaders { id: "w2".to_owned(), ..t.sign_polar("w1", &body) };
        let nothing = WebhookHeaders::default();
        for (headers, body) in [
            (&nothing, body.as_str()),
            (&other_id, body.as_str()),
            (&t.sign_polar("w1", "{}"), body.as_str()),
            (&t.sign_polar("w1", &body), "{}"),
        ] {
            let refused = t.services.receive_polar(headers, body.as_bytes()).await;
            assert!(matches!(refused, Err(Error::Unauthorized)), "{refused:?}");
        }
        assert_eq!(t.count_jobs().await, (0, 0));
        assert!(t.db.store.read().await.unwrap().list_open_polar_webhooks(10).await.unwrap().is_empty());
        // A forged request does not use up the webhook id.
        t.services.receive_polar(&t.sign_polar("w1", &body), body.as_bytes()).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Status::Purchased);
        t.finish().await;
    }

    async fn signature_is_valid_for_five_minutes(db: TestStore) {
        let t = TestServices::new(db);
        let body = paid(&"nobody", "sub_1");
        let headers = t.sign_polar("w1", &body);
        let five = Duration::from_secs(300);
        for (now, is_good) in [
            (START.minus(five), true),
            (START.plus(five), true),
            (START.minus(five + SECOND), false),
            (START.plus(five + SECOND), false),
        ] {
            t.clock.set(now);
            assert_eq!(t.services.receive_polar(&headers, body.as_bytes()).await.is_ok(), is_good, "{now:?}");
        }
        t.run_jobs().await;
        t.finish().await;
    }

    async fn duplicate_webhook_is_processed_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        let body = paid(&id, "sub_1");
        let again = paid(&id, "sub_2");
        for body in [&body, &body, &again] {
            t.services.receive_polar(&t.sign_polar("w1", body), body.as_bytes()).await.unwrap();
            t.run_jobs().await;
        }
        assert_eq!(t.record(&me, id).await.polar_subscription_id.as_deref(), Some("sub_1"));
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }

    async fn unreadable_webhook_does_not_block_others(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (broken, id) = (t.create_unpaid(&me).await, t.create_unpaid(&me).await);
        for body in ["not json", "[]", r#"{"type":"order.paid"}"#, r#"{"type":"order.paid","data":{"paid":"yes"}}"#] {
            t.services.receive_polar(&t.sign_polar(body.get(..4).unwrap_or(body), body), body.as_bytes()).await.unwrap();
        }
        // A row that cannot be read does not block others either.
        crate::support::raw(&t, "update assistants set status = 'unheard of' where id = $1", broken).await;
        t.receive_subscription_event(broken, "subscription.active").await;
        let body = paid(&id, "sub_1");
        t.services.receive_polar(&t.sign_polar("last", &body), body.as_bytes()).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Status::Purchased);
        t.finish().await;
    }

    async fn binary_body_and_long_id_are_refused(db: TestStore) {
        let t = TestServices::new(db);
        let long = "x".repeat(256);
        let headers = t.sign_polar(&long, "{}");
        assert!(matches!(t.services.receive_polar(&headers, b"{}").await, Err(Error::InvalidRequest(_))));
        let headers = t.sign_polar("w1", "a\0b");
        assert!(matches!(t.services.receive_polar(&headers, b"a\0b").await, Err(Error::InvalidRequest(_))));
        t.finish().await;
    }
}
