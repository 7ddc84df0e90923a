use reef_domain::input::UpdateInput;
use reef_domain::wire::Status::{Active, Deploying, PendingPayment, Purchased, Stopped};
use reef_domain::wire::{ApiMode, EventKind, PaymentStatus, Provider};
use reef_service::Error;
use reef_service::testing::{CALLBACK_URL, MODEL, START, TestServices, activation, bot_token, model_key};
use reef_store::on_both_databases;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{HOUR, SECOND, delete, redeploy, stop, walk};

on_both_databases! {
    async fn life_cycle_emits_each_event_once_in_order(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        let slot = t.record(&me, id).await;
        assert_eq!((slot.status, slot.payment_status, slot.is_prebuy), (PendingPayment, PaymentStatus::Pending, true));
        assert_eq!((slot.name.as_str(), slot.model_provider, slot.worker_name.clone()), ("Untitled assistant", None, None));

        t.pay(id).await;
        let paid = t.record(&me, id).await;
        assert_eq!((paid.status, paid.payment_status, paid.is_prebuy), (Purchased, PaymentStatus::Paid, true));
        assert_eq!(paid.polar_subscription_id, Some(TestServices::subscription_id(id)));
        assert!(t.callbacks.received().is_empty(), "no callbacks before activation");

        t.clock.advance(SECOND);
        let input = activation(5);
        let deploying = t.services.activate(&me, &id.to_string(), Ok(input)).await.unwrap();
        assert_eq!((deploying.status, deploying.is_prebuy, deploying.worker_url.clone()), (Deploying, false, None));
        assert_eq!(deploying.updated_at, START.plus(SECOND));
        t.run_jobs().await;
        let active = t.record(&me, id).await;
        let name = active.worker_name.clone().unwrap();
        assert_eq!((active.status, active.user_callback_url.as_deref()), (Active, Some(CALLBACK_URL)));
        assert_eq!(active.worker_url, Some(format!("https://workers.test/{name}")));
        assert!(name.strip_prefix("openclaw-").is_some_and(|hex| hex.len() == 8), "{name}");
        let spec = t.workers.spec_of(id).unwrap();
        assert_eq!((spec.worker.generation, spec.bot_id, spec.model_id.as_str()), (1, 5, MODEL));
        assert_eq!(spec.model_key.expose_secret(), model_key(5));
        let (url, secret) = t.telegram.webhook(&bot_token(5)).unwrap();
        assert_eq!(url, format!("https://workers.test/{name}/telegram"));
        assert_eq!(secret, spec.webhook_secret.expose_secret());

        stop(&t, &me, id).await.unwrap();
        let stopped = t.record(&me, id).await;
        assert_eq!((stopped.status, stopped.worker_url, stopped.worker_name), (Stopped, None, Some(name.clone())));
        assert_eq!((t.workers.running(), t.telegram.webhook(&bot_token(5))), (vec![], None));

        let change = UpdateInput { model_id: Some("claude-opus-5".into()), name: Some("New".into()), ..Default::default() };
        let patched = t.services.update(&me, &id.to_string(), Ok(change)).await.unwrap();
        assert_eq!((patched.status, patched.name.as_str(), patched.model_id.as_deref()), (Stopped, "New", Some("claude-opus-5")));

        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        let spec = t.workers.spec_of(id).unwrap();
        assert_eq!((spec.worker.generation, spec.worker.worker_name, spec.model_id.as_str()), (3, name, "claude-opus-5"));

        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert!(matches!(t.services.get_assistant(&me, &id.to_string()).await, Err(Error::NotFound)));
        assert!(matches!(delete(&t, &me, id).await, Err(Error::NotFound)));
        assert_eq!((t.workers.running(), t.workers.deleted_memories()), (vec![], vec![id]));
        assert_eq!(t.payments.revoked(), [TestServices::subscription_id(id)]);

        let events = t.events(id).await;
        assert_eq!(walk(&events), [Purchased, Deploying, Active, Stopped, Deploying, Active, Active]);
        assert_eq!(events.last().unwrap().kind, EventKind::Deleted);
        t.finish().await;
    }

    async fn callbacks_match_timeline(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        stop(&t, &me, id).await.unwrap();
        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        let url = t.events(id).await[2].worker_url.clone().unwrap();
        let bodies: Vec<Value> =
            t.callbacks.received().iter().map(|sent| serde_json::from_str(&sent.body).unwrap()).collect();
        let at = serde_json::to_value(START).unwrap();
        let body = |kind: &str, status: &str, previous: &str, sequence: i64, url: Option<&str>| {
            json!({"type": kind, "timestamp": at, "data": {
                "id": id.to_string(), "status": status, "statusMessage": null, "workerUrl": url,
                "previousStatus": previous, "sequence": sequence,
            }})
        };
        let changed = "assistant.status_changed";
        let mut expected = vec![
            body(changed, "deploying", "purchased", 2, None),
            body(changed, "active", "deploying", 3, Some(&url)),
            body(changed, "stopped", "active", 4, None),
            body("assistant.deleted", "stopped", "stopped", 5, None),
        ];
        let mut received = bodies;
        // Callbacks arrive at least once and in any order.
        for list in [&mut expected, &mut received] {
            list.sort_by_key(|body| body["data"]["sequence"].as_i64());
        }
        assert_eq!(received, expected);
        t.finish().await;
    }

    async fn managed_assistant_gets_own_key_until_deletion(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid_with_plan(&me, ApiMode::Managed).await;
        t.pay(id).await;
        let mut input = activation(1);
        input.model_id = "openrouter/auto".into();
        t.services.activate(&me, &id.to_string(), Ok(input)).await.unwrap();
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.model_provider), (Active, Some(Provider::Openrouter)));
        let key = t.workers.spec_of(id).unwrap().model_key.expose_secret().to_owned();
        assert_ne!(key, model_key(1), "the key in the request is ignored");
        assert_eq!(t.managed_keys.names_by_hash().len(), 1);
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.workers.spec_of(id).unwrap().model_key.expose_secret(), key, "a redeployment keeps the key");
        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert!(t.managed_keys.names_by_hash().is_empty());
        t.finish().await;
    }

    async fn private_change_keeps_updated_at(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        stop(&t, &me, id).await.unwrap();
        let before = t.record(&me, id).await.updated_at;
        t.clock.advance(HOUR);
        let token = UpdateInput { telegram_bot_token: Some(bot_token(77)), ..Default::default() };
        assert_eq!(t.services.update(&me, &id.to_string(), Ok(token)).await.unwrap().updated_at, before);
        stop(&t, &me, id).await.unwrap();
        assert_eq!(t.record(&me, id).await.updated_at, before);
        let name = UpdateInput { name: Some("Other".into()), ..Default::default() };
        let renamed = t.services.update(&me, &id.to_string(), Ok(name)).await.unwrap();
        assert_eq!(renamed.updated_at, before.plus(HOUR));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn assistant_of_other_account_is_not_found(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let id = t.create_active(&me).await;
        let text = id.to_string();
        assert!(t.services.list_assistants(&other).await.unwrap().is_empty());
        let refused = [
            t.services.get_assistant(&other, &text).await.err(),
            t.services.get_details(&other, &text).await.err(),
            t.services.activate(&other, &text, Ok(activation(9))).await.err(),
            t.services.update(&other, &text, Err(vec![])).await.err(),
            redeploy(&t, &other, id).await.err(),
            stop(&t, &other, id).await.err(),
            delete(&t, &other, id).await.err(),
        ];
        for error in refused {
            assert!(matches!(error, Some(Error::NotFound)), "{error:?}");
        }
        assert_eq!(t.status(&me, id).await, Active);
        t.finish().await;
    }
}
