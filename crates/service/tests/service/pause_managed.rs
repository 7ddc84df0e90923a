//! A managed assistant with a paused subscription: its key cannot spend, and its credit and key are kept for later.

use reef_domain::Usd;
use reef_domain::wire::PaymentStatus::{Canceled, Paid, Paused};
use reef_domain::wire::Status::{Active, Deploying, Purchased, Stopped};
use reef_service::jobs::runner;
use reef_service::testing::TestServices;
use reef_store::on_both_databases;
use serde_json::json;

use crate::crash::crash_at;
use crate::managed::{FIVE, TEN, activate, active, credit, lost, only_key, renewed, slot};
use crate::pause::{pause, resume};
use crate::support::{HOUR, MINUTE, SECOND, delete, redeploy, stop, subscription_doc, walk};

const SPENT: Usd = Usd::from_micros(1_500_000);

on_both_databases! {
    async fn paused_managed_assistant_keeps_disabled_key(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        t.managed_keys.update_all(|key| key.used = SPENT);
        let before = only_key(&t);
        for _ in 0..2 {
            pause(&t, id).await;
            assert_eq!((t.status(&me, id).await, t.record(&me, id).await.payment_status), (Stopped, Paused));
            let paused = only_key(&t);
            assert_eq!((&paused.hash, paused.disabled, paused.limit), (&before.hash, true, Some(FIVE)));
            assert_eq!(credit(&t, &me, id).await, (SPENT, FIVE, false));
            resume(&t, id).await;
            assert_eq!((t.status(&me, id).await, t.record(&me, id).await.payment_status), (Active, Paid));
            assert_eq!(only_key(&t), before);
            assert_eq!(credit(&t, &me, id).await, (SPENT, FIVE, false));
        }
        assert_eq!(t.managed_keys.script.count("create"), 1);
        t.finish().await;
    }

    async fn resume_order_adds_credit_once_in_any_order(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let end = "2026-04-13T12:03:21.456Z";
        for (number, order_first) in [("late", false), ("early", true)] {
            let id = active(&t, &me).await;
            let limit = || t.managed_keys.keys().into_iter().find(|key| key.name == format!("reef-{id}")).unwrap().limit;
            pause(&t, id).await;
            // Polar lists the order, too.
            let order = json!({"id": number, "status": "paid", "paid": true, "total_amount": 1500,
                "billing_reason": "subscription_cycle", "metadata": {"assistant_id": id.to_string()},
                "subscription_id": TestServices::subscription_id(id)});
            t.payments.set_order(order);
            if order_first {
                renewed(&t, id, number, Some(end)).await;
                t.run_jobs().await;
                assert_eq!(t.record(&me, id).await.payment_status, Paused);
            }
            t.payments.set_subscription(subscription_doc(&t, id, &json!({"current_period_end": end})));
            resume(&t, id).await;
            if !order_first {
                renewed(&t, id, number, Some(end)).await;
            }
            for _ in 0..3 {
                t.advance_and_run(2 * MINUTE).await;
                t.services.reconcile_due().await.unwrap();
                t.run_jobs().await;
            }
            assert_eq!(credit(&t, &me, id).await.1, TEN, "order first: {order_first}");
            assert_eq!(limit(), Some(TEN), "order first: {order_first}");
        }
        t.finish().await;
    }

    async fn key_stopped_while_paused_stays_disabled_until_redeployment(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        pause(&t, id).await;
        stop(&t, &me, id).await.unwrap();
        resume(&t, id).await;
        assert_eq!((t.status(&me, id).await, only_key(&t).disabled), (Stopped, true));
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!((t.status(&me, id).await, only_key(&t).disabled), (Active, false));
        t.finish().await;
    }

    async fn late_disabling_does_not_outlast_resume(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        t.managed_keys.script.fail("update", 2, lost);
        pause(&t, id).await;
        assert!(!only_key(&t).disabled, "OpenRouter has not confirmed it");
        resume(&t, id).await;
        for _ in 0..5 {
            t.advance_and_run(HOUR).await;
        }
        assert_eq!((t.status(&me, id).await, only_key(&t).disabled), (Active, false));
        t.finish().await;
    }

    async fn key_enabled_manually_during_pause_is_disabled(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        t.services.enqueue_periodic_jobs().await.unwrap();
        pause(&t, id).await;
        t.managed_keys.update_all(|key| (key.disabled, key.used) = (false, SPENT));
        t.clock.advance(3 * MINUTE);
        t.services.enqueue_periodic_jobs().await.unwrap();
        t.run_jobs().await;
        assert!(only_key(&t).disabled);
        assert_eq!(credit(&t, &me, id).await, (SPENT, FIVE, false), "usage during the pause still counts");
        t.finish().await;
    }

    async fn key_lost_during_pause_is_replaced_with_remaining_limit(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        t.managed_keys.update_all(|key| key.used = SPENT);
        pause(&t, id).await;
        t.managed_keys.remove(|_| true);
        resume(&t, id).await;
        assert_eq!(t.status(&me, id).await, Active);
        assert_eq!((only_key(&t).limit, only_key(&t).disabled), (Some(Usd::from_micros(3_500_000)), false));
        assert_eq!(credit(&t, &me, id).await, (SPENT, FIVE, false));
        t.finish().await;
    }

    async fn pause_during_key_creation_leaves_none_enabled(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = slot(&t, &me).await;
        activate(&t, &me, id).await;
        let gate = t.managed_keys.script.hold("create");
        tokio::join!(t.run_jobs(), async {
            gate.reached().await;
            t.receive_polar_webhook("subscription.paused", subscription_doc(&t, id, &json!({"status": "paused"}))).await;
            runner(t.services.clone()).run_due().await.unwrap();
            assert_eq!(t.status(&me, id).await, Stopped);
            gate.open();
        });
        t.run_jobs().await;
        assert!(t.managed_keys.keys().iter().all(|key| key.disabled), "{:?}", t.managed_keys.keys());
        resume(&t, id).await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Stopped, Deploying, Active]);
        assert_eq!((only_key(&t).limit, only_key(&t).disabled), (Some(FIVE), false));
        t.finish().await;
    }

    async fn crash_during_key_creation_on_resume_leaves_one_key(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        pause(&t, id).await;
        t.managed_keys.remove(|_| true);
        t.clock.advance(SECOND);
        t.receive_polar_webhook("subscription.resumed", subscription_doc(&t, id, &json!({}))).await;
        crash_at(&t, "create", true).await;
        t.advance_and_run(11 * SECOND).await;
        assert_eq!(t.status(&me, id).await, Active);
        assert_eq!((only_key(&t).limit, only_key(&t).disabled), (Some(FIVE), false));
        t.finish().await;
    }

    async fn paused_managed_assistant_deleted_or_ended_leaves_no_key(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        pause(&t, id).await;
        t.clock.advance(SECOND);
        let ended = json!({"status": "canceled", "ended_at": t.services.now(), "canceled_at": t.services.now()});
        t.receive_polar_webhook("subscription.revoked", subscription_doc(&t, id, &ended)).await;
        t.run_jobs().await;
        assert_eq!((t.record(&me, id).await.payment_status, only_key(&t).disabled), (Canceled, true));
        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.managed_keys.keys(), []);
        let other = active(&t, &me).await;
        pause(&t, other).await;
        delete(&t, &me, other).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.managed_keys.keys(), []);
        t.finish().await;
    }
}
