use reef_domain::Timestamp;
use reef_domain::wire::PaymentStatus::{Canceled, Paid, PastDue, Refunded};
use reef_domain::wire::Status::{Active, Deploying, Failed, PendingPayment, Purchased, Stopped};
use reef_service::Error;
use reef_service::ports::{ModelCheckError, PaymentError};
use reef_service::testing::{TestServices, bot_token};
use reef_store::on_both_databases;
use serde_json::json;

use crate::support::{HOUR, delete, message, redeploy, stop, walk};

on_both_databases! {
    async fn either_event_pays_in_either_order_any_number_of_times(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let reported = [
            vec!["order.paid"],
            vec!["subscription.active"],
            vec!["order.paid", "subscription.active"],
            vec!["subscription.active", "order.paid"],
            vec!["order.paid", "order.paid", "subscription.active", "subscription.active"],
        ];
        for kinds in reported {
            let id = t.slot(&me).await;
            for kind in &kinds {
                if kind.starts_with("order") { t.order(id, kind).await } else { t.subscription(id, kind).await }
            }
            t.run().await;
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status), (Purchased, Paid), "{kinds:?}");
            assert_eq!(record.polar_subscription_id, Some(TestServices::subscription_of(id)), "{kinds:?}");
            let end = kinds.contains(&"subscription.active").then(|| Timestamp::parse("2026-03-13T12:03:21.456Z").unwrap());
            assert_eq!(record.current_period_end, end, "{kinds:?}");
            assert_eq!(walk(&t.events(id).await), [Purchased], "{kinds:?}");
        }
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }

    async fn a_payment_two_hours_late_still_counts(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.slot(&me).await;
        t.clock.advance(2 * HOUR);
        t.pay(id).await;
        assert_eq!(t.status(&me, id).await, Purchased);
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }

    async fn a_payment_for_what_was_deleted_is_given_back_by_a_job_that_does_not_give_up(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.slot(&me).await;
        delete(&t, &me, id).await.unwrap();
        t.run().await;
        assert!(t.payments.revoked().is_empty());
        t.payments.script.fail("revoke_subscription", 30, || PaymentError::Refused { status: 500 });
        t.pay(id).await;
        for _ in 0..30 {
            t.run_after(2 * HOUR).await;
        }
        assert_eq!(t.payments.revoked(), [TestServices::subscription_of(id)]);
        assert!(t.services.list_assistants(&me).await.unwrap().is_empty());
        t.finish().await;
    }

    async fn a_second_subscription_of_a_slot_is_revoked_and_changes_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let before = t.record(&me, id).await;
        let second = json!({"id": "sub_second", "status": "active", "metadata": {"assistant_id": id.to_string()}});
        t.polar("subscription.active", second.clone()).await;
        t.run().await;
        assert_eq!(t.payments.revoked(), ["sub_second"]);
        for kind in ["subscription.past_due", "subscription.canceled", "subscription.revoked"] {
            t.polar(kind, second.clone()).await;
        }
        t.run().await;
        assert_eq!(t.record(&me, id).await, before);
        t.finish().await;
    }

    async fn canceling_and_uncanceling_leaves_it_paid(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let canceled = json!({"id": TestServices::subscription_of(id), "status": "active", "canceled_at": "2026-02-14T00:00:00Z"});
        t.polar("subscription.canceled", canceled).await;
        t.run().await;
        let record = t.record(&me, id).await;
        assert_eq!(record.canceled_at, Timestamp::parse("2026-02-14T00:00:00.000Z"));
        assert_eq!((record.status, record.payment_status), (Active, Paid));
        t.subscription(id, "subscription.uncanceled").await;
        t.run().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.canceled_at), (Active, Paid, None));
        t.finish().await;
    }

    async fn past_due_still_runs_and_a_payment_mends_it(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        t.subscription(id, "subscription.past_due").await;
        t.run().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Active, PastDue));
        redeploy(&t, &me, id).await.unwrap();
        t.order(id, "order.paid").await;
        t.run().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Active, Paid));
        t.finish().await;
    }

    async fn a_revoked_subscription_stops_what_runs(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        t.subscription(id, "subscription.revoked").await;
        t.run().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.worker_url), (Stopped, Canceled, None));
        assert!(message(&t, &me, id).await.starts_with("SUBSCRIPTION_ENDED: "));
        assert!(t.workers.running().is_empty());
        assert!(matches!(redeploy(&t, &me, id).await, Err(Error::InvalidState { current: Stopped, .. })));
        t.finish().await;
    }

    async fn a_revoked_subscription_fences_the_deployment_under_way(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.paid(&me).await;
        t.activate(&me, id).await.unwrap();
        let token = bot_token(t.number() - 1);
        let gate = t.telegram.script.hold("set_webhook");
        tokio::join!(t.run(), async {
            gate.reached().await;
            t.subscription(id, "subscription.revoked").await;
            // Another process handles the webhook meanwhile.
            reef_service::jobs::Runner::new(t.services.clone()).run_due().await.unwrap();
            assert_eq!(t.status(&me, id).await, Stopped);
            gate.open();
        });
        t.run().await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Stopped]);
        assert_eq!((t.workers.running(), t.telegram.webhook(&token)), (vec![], None));
        t.finish().await;
    }

    async fn a_revoked_subscription_leaves_what_does_not_run(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let purchased = t.paid(&me).await;
        let stopped = t.active(&me).await;
        stop(&t, &me, stopped).await.unwrap();
        let failed = t.paid(&me).await;
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        t.activate(&me, failed).await.unwrap();
        t.run().await;
        for (id, status) in [(purchased, Purchased), (stopped, Stopped), (failed, Failed)] {
            let said = message(&t, &me, id).await;
            t.subscription(id, "subscription.revoked").await;
            t.run().await;
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

    async fn a_refund_in_full_ends_it_and_one_in_part_does_not(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let subscription = TestServices::subscription_of(id);
        let part = json!({"status": "partially_refunded", "paid": true, "subscription_id": subscription,
            "total_amount": 1500, "refunded_amount": 1499, "metadata": {"assistant_id": id.to_string()}});
        t.polar("order.refunded", part).await;
        t.run().await;
        assert_eq!(t.record(&me, id).await.payment_status, Paid);
        t.order(id, "order.refunded").await;
        t.run().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Stopped, Refunded));
        let message = record.status_message.unwrap();
        assert!(message.starts_with("SUBSCRIPTION_ENDED: ") && message.contains("was refunded"), "{message}");
        assert_eq!(t.events(id).await.last().unwrap().status_message.as_ref(), Some(&message));
        assert!(t.workers.running().is_empty());
        assert_eq!(t.payments.revoked(), [subscription], "the next month must not be charged");
        // The revocation that follows says less than the refund.
        t.subscription(id, "subscription.revoked").await;
        t.run().await;
        assert_eq!(t.record(&me, id).await.payment_status, Refunded);
        assert!(redeploy(&t, &me, id).await.is_err());
        t.finish().await;
    }

    async fn refund_of_what_does_not_run_is_in_the_timeline_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (unused, ended) = (t.paid(&me).await, t.active(&me).await);
        t.subscription(ended, "subscription.revoked").await;
        t.run().await;
        for id in [unused, ended] {
            for _ in 0..2 {
                t.order(id, "order.refunded").await;
                t.run().await;
            }
            let events = t.events(id).await;
            let refunds = events.iter().filter(|event| event.kind.as_str() == "assistant.payment_flagged");
            let said: Vec<_> = refunds.filter_map(|event| event.status_message.as_deref()).collect();
            assert_eq!(said, ["Your payment was refunded and your subscription has ended."]);
        }
        assert!(t.record(&me, ended).await.status_message.unwrap().contains("was refunded"));
        t.finish().await;
    }

    async fn what_nobody_knows_changes_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.slot(&me).await;
        t.polar("benefit_grant.created", json!({"anything": [1, 2]})).await;
        t.polar("order.paid", json!({"paid": true, "metadata": {"assistant_id": "nonsense"}})).await;
        t.polar("subscription.active", json!({"id": "sub_x", "status": "active"})).await;
        t.run().await;
        assert_eq!(t.status(&me, id).await, PendingPayment);
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }
}
