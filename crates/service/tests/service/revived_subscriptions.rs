//! A revoked subscription is judged by its own status, and a reinstated one pays for its assistant again.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_domain::wire::PaymentStatus::{Canceled, Paid, PastDue, Refunded};
use reef_domain::wire::Status::{self, Active, Failed, PendingPayment, Purchased, Stopped};
use reef_ports::ModelCheckError;
use reef_service::testing::TestServices;
use reef_store::on_both_databases;
use serde_json::{Value, json};

use crate::support::{HOUR, MINUTE, TICK, message, redeploy, subscription_doc, walk};

fn revoked(t: &TestServices, id: AssistantId, status: &str, ended_at: &Value) -> Value {
    subscription_doc(t, id, &json!({"status": status, "ended_at": ended_at, "canceled_at": ended_at}))
}

/// Polar reports that the subscription has ended now.
async fn end(t: &TestServices, id: AssistantId) {
    t.receive_polar_webhook("subscription.revoked", revoked(t, id, "canceled", &json!(t.services.now())))
        .await;
    t.run_jobs().await;
    assert_eq!(t.get_stored(id).await.payment.status, Canceled);
}

on_both_databases! {
    async fn revoked_while_past_due_keeps_running_and_recovers(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.receive_polar_webhook("subscription.revoked", revoked(&t, id, "past_due", &Value::Null)).await;
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.status_message), (Active, PastDue, None));
        assert_eq!(t.workers.running().len(), 1);
        redeploy(&t, &me, id).await.unwrap();
        t.clock.advance(MINUTE);
        t.receive_polar_webhook("subscription.active", subscription_doc(&t, id, &json!({}))).await;
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Active, Paid));
        let subjects: Vec<_> = t.mailer.sent().into_iter().map(|mail| mail.subject).collect();
        assert_eq!(subjects, [format!("[Reef] Action needed: update your card to keep {}", record.name)]);
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }

    async fn revoked_subscription_in_other_status_ends(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let soon = json!(t.services.now().plus(HOUR));
        let docs = [
            ("canceled", Value::Null), ("unpaid", Value::Null), ("incomplete_expired", Value::Null),
            ("trialing", Value::Null), ("active", Value::Null), ("paused", Value::Null), ("brand_new", Value::Null),
            ("", Value::Null), ("past_due", json!(t.services.now())), ("past_due", soon),
            ("past_due", json!("not a time")),
        ];
        for (status, ended_at) in docs {
            let id = t.create_active(&me).await;
            let mut doc = revoked(&t, id, status, &ended_at);
            if status.is_empty() {
                doc.as_object_mut().unwrap().remove("status");
            }
            t.receive_polar_webhook("subscription.revoked", doc).await;
            t.run_jobs().await;
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status), (Stopped, Canceled), "{status} {ended_at}");
            assert!(message(&t, &me, id).await.starts_with("SUBSCRIPTION_ENDED: "), "{status} {ended_at}");
        }
        assert!(t.workers.running().is_empty());
        t.finish().await;
    }

    async fn newer_active_subscription_revives(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let running = t.create_active(&me).await;
        let purchased = t.create_paid(&me).await;
        let failed = t.create_paid(&me).await;
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        t.activate(&me, failed).await.unwrap();
        t.run_jobs().await;
        let failure = message(&t, &me, failed).await;
        for (id, then) in [(running, Stopped), (purchased, Purchased), (failed, Failed)] {
            end(&t, id).await;
            t.clock.advance(TICK);
            t.receive_polar_webhook("subscription.active", subscription_doc(&t, id, &json!({}))).await;
            t.run_jobs().await;
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status, record.canceled_at), (then, Paid, None));
            let message = record.status_message.unwrap_or_default();
            assert_eq!(message, if then == Failed { failure.clone() } else { String::new() });
            if then == Purchased { t.activate(&me, id).await.map(drop) } else { redeploy(&t, &me, id).await }.unwrap();
            t.run_jobs().await;
            assert_eq!(t.status(&me, id).await, Active);
        }
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }

    async fn only_newer_evidence_revives_before_check(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let before = t.services.now();
        t.clock.advance(HOUR);
        end(&t, id).await;
        let at_the_end = t.services.now();
        let over = t.record(&me, id).await;
        t.clock.advance(HOUR);
        for (kind, status) in [("active", "active"), ("resumed", "active"), ("past_due", "past_due"), ("paused", "paused"),
            ("revoked", "past_due"), ("updated", "active"), ("uncanceled", "active")] {
            for time in [json!(before), json!(at_the_end), Value::Null] {
                let doc = subscription_doc(&t, id, &json!({"status": status, "modified_at": time}));
                t.receive_polar_webhook(&format!("subscription.{kind}"), doc).await;
            }
        }
        t.receive_order_event(id, "order.paid").await;
        t.run_jobs().await;
        assert_eq!(t.record(&me, id).await, over);
        // Polar has reinstated it, and all webhooks about that are lost.
        t.payments.set_subscription(subscription_doc(&t, id, &json!({})));
        t.clock.advance(MINUTE);
        t.services.reconcile_due().await.unwrap();
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.status_message), (Stopped, Paid, None));
        // An event from before that is late, even if it reports an end.
        t.receive_polar_webhook("subscription.revoked", subscription_doc(&t, id, &json!({"status": "canceled", "modified_at": at_the_end,
            "ended_at": at_the_end}))).await;
        t.run_jobs().await;
        assert_eq!(t.record(&me, id).await.payment_status, Paid);
        t.finish().await;
    }

    async fn late_paid_order_does_not_revive(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        end(&t, id).await;
        t.clock.advance(HOUR);
        let order = json!({"id": "last", "status": "paid", "paid": true, "total_amount": 100, "modified_at": t.services.now(),
            "billing_reason": "subscription_meter_cycle", "subscription_id": TestServices::subscription_id(id),
            "metadata": {"assistant_id": id.to_string()}});
        t.receive_polar_webhook("order.paid", order).await;
        t.run_jobs().await;
        assert_eq!(t.record(&me, id).await.payment_status, Canceled);
        t.finish().await;
    }

    async fn refund_and_own_revocation_are_final(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (refunded, ended) = (t.create_active(&me).await, t.create_active(&me).await);
        t.receive_order_event(refunded, "order.refunded").await;
        t.run_jobs().await;
        end(&t, ended).await;
        let mut tx = t.db.store.begin().await.unwrap();
        let id = TestServices::subscription_id(ended);
        assert!(tx.insert_revocation(&id, ended, "deleted", t.services.now()).await.unwrap());
        tx.commit().await.unwrap();
        t.clock.advance(HOUR);
        for (id, status) in [(refunded, Refunded), (ended, Canceled)] {
            let doc = subscription_doc(&t, id, &json!({}));
            t.receive_polar_webhook("subscription.active", doc.clone()).await;
            t.payments.set_subscription(doc);
            t.advance_and_run(MINUTE).await;
            t.services.reconcile_due().await.unwrap();
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status), (Stopped, status));
        }
        t.finish().await;
    }

    async fn deleted_assistant_is_not_revived(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        end(&t, id).await;
        crate::support::delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert!(t.payments.revoked().is_empty(), "the subscription has ended");
        t.clock.advance(HOUR);
        t.receive_polar_webhook("subscription.active", subscription_doc(&t, id, &json!({}))).await;
        t.run_jobs().await;
        assert!(t.services.get_assistant(&me, &id.to_string()).await.is_err());
        assert_eq!(t.payments.revoked(), [TestServices::subscription_id(id)], "a subscription that pays for no assistant must end");
        t.finish().await;
    }

    async fn end_before_payment_can_be_revived(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        end(&t, id).await;
        assert_eq!(t.status(&me, id).await, PendingPayment);
        t.clock.advance(TICK);
        t.receive_polar_webhook("subscription.past_due", subscription_doc(&t, id, &json!({"status": "past_due"}))).await;
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, PendingPayment, "an overdue payment grants nothing");
        t.receive_polar_webhook("subscription.active", subscription_doc(&t, id, &json!({}))).await;
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Purchased, Paid));
        assert_eq!(walk(&t.events(id).await), [Purchased]);
        t.finish().await;
    }

    async fn renewal_after_past_due_recovers_and_older_does_not(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let before = t.services.now();
        let order = |at: Timestamp| json!({"id": format!("order_{}", t.next_number()), "status": "paid", "paid": true,
            "total_amount": 1500, "modified_at": at, "subscription_id": TestServices::subscription_id(id),
            "metadata": {"assistant_id": id.to_string()}});
        t.clock.advance(HOUR);
        for kind in ["subscription.past_due", "subscription.revoked"] {
            t.receive_polar_webhook(kind, revoked(&t, id, "past_due", &Value::Null)).await;
            t.run_jobs().await;
            assert_eq!(t.record(&me, id).await.payment_status, PastDue);
            t.receive_polar_webhook("order.paid", order(before)).await;
            t.run_jobs().await;
            assert_eq!(t.record(&me, id).await.payment_status, PastDue);
            t.clock.advance(TICK);
            t.receive_polar_webhook("order.paid", order(t.services.now())).await;
            t.run_jobs().await;
            assert_eq!(t.record(&me, id).await.payment_status, Paid);
            t.clock.advance(TICK);
        }
        let status: Status = t.status(&me, id).await;
        assert_eq!(status, Active);
        t.finish().await;
    }
}
