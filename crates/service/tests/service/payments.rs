use reef_domain::Timestamp;
use reef_domain::wire::PaymentStatus::{Canceled, Paid, PastDue, Refunded};
use reef_domain::wire::Status::{Active, Deploying, Failed, PendingPayment, Purchased, Stopped};
use reef_ports::{ModelCheckError, PaymentError};
use reef_service::Error;
use reef_service::testing::{TestServices, bot_token};
use reef_store::on_both_databases;
use serde_json::json;

use crate::support::{HOUR, delete, message, redeploy, stop, walk};

on_both_databases! {
    async fn payment_events_count_once_in_any_order(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let reported = [
            vec!["order.paid"],
            vec!["subscription.active"],
            vec!["order.paid", "subscription.active"],
            vec!["subscription.active", "order.paid"],
            vec!["order.paid", "order.paid", "subscription.active", "subscription.active"],
        ];
        for kinds in reported {
            let id = t.create_unpaid(&me).await;
            for kind in &kinds {
                if kind.starts_with("order") { t.receive_order_event(id, kind).await } else { t.receive_subscription_event(id, kind).await }
            }
            t.run_jobs().await;
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status), (Purchased, Paid), "{kinds:?}");
            assert_eq!(record.polar_subscription_id, Some(TestServices::subscription_id(id)), "{kinds:?}");
            let end = kinds.contains(&"subscription.active").then(|| Timestamp::parse("2026-03-13T12:03:21.456Z").unwrap());
            assert_eq!(record.current_period_end, end, "{kinds:?}");
            assert_eq!(walk(&t.events(id).await), [Purchased], "{kinds:?}");
        }
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }

    async fn payment_two_hours_late_still_counts(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        t.clock.advance(2 * HOUR);
        t.pay(id).await;
        assert_eq!(t.status(&me, id).await, Purchased);
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }

    async fn payment_for_deleted_assistant_is_revoked_persistently(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert!(t.payments.revoked().is_empty());
        t.payments.script.fail("revoke_subscription", 30, || PaymentError::Refused { status: 500 });
        t.pay(id).await;
        for _ in 0..30 {
            t.advance_and_run(2 * HOUR).await;
        }
        assert_eq!(t.payments.revoked(), [TestServices::subscription_id(id)]);
        assert!(t.services.list_assistants(&me).await.unwrap().is_empty());
        t.finish().await;
    }

    async fn second_subscription_is_revoked(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let before = t.record(&me, id).await;
        let second = json!({"id": "sub_second", "status": "active", "metadata": {"assistant_id": id.to_string()}});
        t.receive_polar_webhook("subscription.active", second.clone()).await;
        t.run_jobs().await;
        assert_eq!(t.payments.revoked(), ["sub_second"]);
        for kind in ["subscription.past_due", "subscription.canceled", "subscription.revoked"] {
            t.receive_polar_webhook(kind, second.clone()).await;
        }
        t.run_jobs().await;
        assert_eq!(t.record(&me, id).await, before);
        t.finish().await;
    }

    async fn canceled_and_uncanceled_subscription_stays_paid(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let canceled = json!({"id": TestServices::subscription_id(id), "status": "active", "canceled_at": "2026-02-14T00:00:00Z"});
        t.receive_polar_webhook("subscription.canceled", canceled).await;
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!(record.canceled_at, Timestamp::parse("2026-02-14T00:00:00.000Z"));
        assert_eq!((record.status, record.payment_status), (Active, Paid));
        t.receive_subscription_event(id, "subscription.uncanceled").await;
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.canceled_at), (Active, Paid, None));
        t.finish().await;
    }

    async fn past_due_assistant_runs_and_payment_recovers(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.receive_subscription_event(id, "subscription.past_due").await;
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Active, PastDue));
        redeploy(&t, &me, id).await.unwrap();
        t.receive_order_event(id, "order.paid").await;
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Active, Paid));
        t.finish().await;
    }

    async fn revoked_subscription_stops_running_assistant(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.receive_subscription_event(id, "subscription.revoked").await;
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.worker_url), (Stopped, Canceled, None));
        assert!(message(&t, &me, id).await.starts_with("SUBSCRIPTION_ENDED: "));
        assert!(t.workers.running().is_empty());
        assert!(matches!(redeploy(&t, &me, id).await, Err(Error::InvalidState { current: Stopped, .. })));
        t.finish().await;
    }

    async fn revoked_subscription_fences_deployment(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.activate(&me, id).await.unwrap();
        let token = bot_token(t.next_number() - 1);
        let gate = t.telegram.script.hold("set_webhook");
        tokio::join!(t.run_jobs(), async {
            gate.reached().await;
            t.receive_subscription_event(id, "subscription.revoked").await;
            // Another process handles the webhook meanwhile.
            reef_service::jobs::runner(t.services.clone()).run_due().await.unwrap();
            assert_eq!(t.status(&me, id).await, Stopped);
            gate.open();
        });
        t.run_jobs().await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Stopped]);
        assert_eq!((t.workers.running(), t.telegram.webhook(&token)), (vec![], None));
        t.finish().await;
    }

    async fn revoked_subscription_leaves_other_states(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let purchased = t.create_paid(&me).await;
        let stopped = t.create_active(&me).await;
        stop(&t, &me, stopped).await.unwrap();
        let failed = t.create_paid(&me).await;
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        t.activate(&me, failed).await.unwrap();
        t.run_jobs().await;
        for (id, status) in [(purchased, Purchased), (stopped, Stopped), (failed, Failed)] {
            let said = message(&t, &me, id).await;
            t.receive_subscription_event(id, "subscription.revoked").await;
            t.run_jobs().await;
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status), (status, Canceled));
            assert_eq!(record.status_message.unwrap_or_default(), said);
            let again = if status == Purchased {
                t.activate(&me, id).await.map(drop)
            } else {
                redeploy(&t, &me, id).await
            };
            assert!(matches!(again, Err(Error::InvalidState { .. })), "{status}: {again:?}");
        }
        t.finish().await;
    }

    async fn full_refund_ends_subscription_and_partial_does_not(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let subscription = TestServices::subscription_id(id);
        let part = json!({"status": "partially_refunded", "paid": true, "subscription_id": subscription,
            "total_amount": 1500, "refunded_amount": 1499, "metadata": {"assistant_id": id.to_string()}});
        t.receive_polar_webhook("order.refunded", part).await;
        t.run_jobs().await;
        assert_eq!(t.record(&me, id).await.payment_status, Paid);
        t.receive_order_event(id, "order.refunded").await;
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Stopped, Refunded));
        let message = record.status_message.unwrap();
        assert!(message.starts_with("SUBSCRIPTION_ENDED: ") && message.contains("was refunded"), "{message}");
        assert_eq!(t.events(id).await.last().unwrap().status_message.as_ref(), Some(&message));
        assert!(t.workers.running().is_empty());
        assert_eq!(t.payments.revoked(), [subscription], "the next month must not be charged");
        // The revocation that follows says less than the refund.
        t.receive_subscription_event(id, "subscription.revoked").await;
        t.run_jobs().await;
        assert_eq!(t.record(&me, id).await.payment_status, Refunded);
        assert!(redeploy(&t, &me, id).await.is_err());
        t.finish().await;
    }

    async fn refund_of_what_does_not_run_is_in_the_timeline_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (unused, ended) = (t.create_paid(&me).await, t.create_active(&me).await);
        t.receive_subscription_event(ended, "subscription.revoked").await;
        t.run_jobs().await;
        for id in [unused, ended] {
            for _ in 0..2 {
                t.receive_order_event(id, "order.refunded").await;
                t.run_jobs().await;
            }
            let events = t.events(id).await;
            let refunds = events.iter().filter(|event| event.kind.as_str() == "assistant.payment_flagged");
            let said: Vec<_> = refunds.filter_map(|event| event.status_message.as_deref()).collect();
            assert_eq!(said, ["Your payment was refunded and your subscription has ended."]);
        }
        assert!(t.record(&me, ended).await.status_message.unwrap().contains("was refunded"));
        t.finish().await;
    }

    async fn unknown_events_change_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        t.receive_polar_webhook("benefit_grant.created", json!({"anything": [1, 2]})).await;
        t.receive_polar_webhook("order.paid", json!({"paid": true, "metadata": {"assistant_id": "nonsense"}})).await;
        t.receive_polar_webhook("subscription.active", json!({"id": "sub_x", "status": "active"})).await;
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, PendingPayment);
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }
}
