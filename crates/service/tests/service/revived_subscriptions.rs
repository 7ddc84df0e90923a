//! A revoked subscription is judged by its own status, and one that is active again pays again.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_domain::wire::PaymentStatus::{Canceled, Paid, PastDue, Refunded};
use reef_domain::wire::Status::{self, Active, Failed, PendingPayment, Purchased, Stopped};
use reef_service::ports::ModelCheckError;
use reef_service::testing::TestServices;
use reef_store::on_both_databases;
use serde_json::{Value, json};

use crate::support::{HOUR, MINUTE, TICK, message, redeploy, subscription_doc, walk};

fn revoked(t: &TestServices, id: AssistantId, status: &str, ended_at: &Value) -> Value {
    subscription_doc(t, id, &json!({"status": status, "ended_at": ended_at, "canceled_at": ended_at}))
}

/// Polar reports that the subscription has ended now.
async fn end(t: &TestServices, id: AssistantId) {
    t.polar("subscription.revoked", revoked(t, id, "canceled", &json!(t.services.now()))).await;
    t.run().await;
    assert_eq!(t.stored(id).await.payment.status, Canceled);
}

on_both_databases! {
    async fn revoked_while_past_due_keeps_running_and_recovers(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        t.polar("subscription.revoked", revoked(&t, id, "past_due", &Value::Null)).await;
        t.run().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.status_message), (Active, PastDue, None));
        assert_eq!(t.workers.running().len(), 1);
        redeploy(&t, &me, id).await.unwrap();
        t.clock.advance(MINUTE);
        t.polar("subscription.active", subscription_doc(&t, id, &json!({}))).await;
        t.run().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Active, Paid));
        let subjects: Vec<_> = t.mailer.taken().into_iter().map(|mail| mail.subject).collect();
        assert_eq!(subjects, [format!("Action needed: update your card to keep {} running", record.name)]);
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }

    async fn revoked_in_any_other_status_ends(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let soon = json!(t.services.now().plus(HOUR));
        let docs = [
            ("canceled", Value::Null), ("unpaid", Value::Null), ("incomplete_expired", Value::Null),
            ("trialing", Value::Null), ("active", Value::Null), ("paused", Value::Null), ("brand_new", Value::Null),
            ("", Value::Null), ("past_due", json!(t.services.now())), ("past_due", soon),
            ("past_due", json!("not a time")),
        ];
        for (status, ended_at) in docs {
            let id = t.active(&me).await;
            let mut doc = revoked(&t, id, status, &ended_at);
            if status.is_empty() {
                doc.as_object_mut().unwrap().remove("status");
            }
            t.polar("subscription.revoked", doc).await;
            t.run().await;
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status), (Stopped, Canceled), "{status} {ended_at}");
            assert!(message(&t, &me, id).await.starts_with("SUBSCRIPTION_ENDED: "), "{status} {ended_at}");
        }
        assert!(t.workers.running().is_empty());
        t.finish().await;
    }

    async fn a_newer_active_pays_again_whatever_the_end_has_left(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let running = t.active(&me).await;
        let purchased = t.paid(&me).await;
        let failed = t.paid(&me).await;
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        t.activate(&me, failed).await.unwrap();
        t.run().await;
        let failure = message(&t, &me, failed).await;
        for (id, then) in [(running, Stopped), (purchased, Purchased), (failed, Failed)] {
            end(&t, id).await;
            t.clock.advance(TICK);
            t.polar("subscription.active", subscription_doc(&t, id, &json!({}))).await;
            t.run().await;
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status, record.canceled_at), (then, Paid, None));
            let said = record.status_message.unwrap_or_default();
            assert_eq!(said, if then == Failed { failure.clone() } else { String::new() });
            if then == Purchased { t.activate(&me, id).await.map(drop) } else { redeploy(&t, &me, id).await }.unwrap();
            t.run().await;
            assert_eq!(t.status(&me, id).await, Active);
        }
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }

    async fn only_strictly_newer_evidence_revives_until_polar_is_asked(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
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
                t.polar(&format!("subscription.{kind}"), doc).await;
            }
        }
        t.order(id, "order.paid").await;
        t.run().await;
        assert_eq!(t.record(&me, id).await, over);
        // Polar has reinstated it, and all webhooks about that are lost.
        t.payments.put_subscription(subscription_doc(&t, id, &json!({})));
        t.clock.advance(MINUTE);
        t.services.reconcile_due().await.unwrap();
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.status_message), (Stopped, Paid, None));
        // Evidence from before is late, even if it reports an end.
        t.polar("subscription.revoked", subscription_doc(&t, id, &json!({"status": "canceled", "modified_at": at_the_end,
            "ended_at": at_the_end}))).await;
        t.run().await;
        assert_eq!(t.record(&me, id).await.payment_status, Paid);
        t.finish().await;
    }

    async fn an_order_paid_late_does_not_revive(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        end(&t, id).await;
        t.clock.advance(HOUR);
        let order = json!({"id": "last", "status": "paid", "paid": true, "total_amount": 100, "modified_at": t.services.now(),
            "billing_reason": "subscription_meter_cycle", "subscription_id": TestServices::subscription_of(id),
            "metadata": {"assistant_id": id.to_string()}});
        t.polar("order.paid", order).await;
        t.run().await;
        assert_eq!(t.record(&me, id).await.payment_status, Canceled);
        t.finish().await;
    }

    async fn a_refund_and_what_reef_has_ended_stay_final(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (refunded, ended) = (t.active(&me).await, t.active(&me).await);
        t.order(refunded, "order.refunded").await;
        t.run().await;
        end(&t, ended).await;
        let mut tx = t.db.store.begin().await.unwrap();
        let id = TestServices::subscription_of(ended);
        assert!(tx.begin_revocation(&id, ended, "deleted", t.services.now()).await.unwrap());
        tx.commit().await.unwrap();
        t.clock.advance(HOUR);
        for (id, status) in [(refunded, Refunded), (ended, Canceled)] {
            let doc = subscription_doc(&t, id, &json!({}));
            t.polar("subscription.active", doc.clone()).await;
            t.payments.put_subscription(doc);
            t.run_after(MINUTE).await;
            t.services.reconcile_due().await.unwrap();
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status), (Stopped, status));
        }
        t.finish().await;
    }

    async fn a_deleted_slot_stays_deleted_when_its_subscription_is_active_again(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        end(&t, id).await;
        crate::support::delete(&t, &me, id).await.unwrap();
        t.run().await;
        assert!(t.payments.revoked().is_empty(), "the subscription has ended");
        t.clock.advance(HOUR);
        t.polar("subscription.active", subscription_doc(&t, id, &json!({}))).await;
        t.run().await;
        assert!(t.services.assistant(&me, &id.to_string()).await.is_err());
        assert_eq!(t.payments.revoked(), [TestServices::subscription_of(id)], "it must not charge for nothing");
        t.finish().await;
    }

    async fn an_end_before_the_payment_can_be_taken_back_too(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.slot(&me).await;
        end(&t, id).await;
        assert_eq!(t.status(&me, id).await, PendingPayment);
        t.clock.advance(TICK);
        t.polar("subscription.past_due", subscription_doc(&t, id, &json!({"status": "past_due"}))).await;
        t.run().await;
        assert_eq!(t.status(&me, id).await, PendingPayment, "an overdue payment grants nothing");
        t.polar("subscription.active", subscription_doc(&t, id, &json!({}))).await;
        t.run().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Purchased, Paid));
        assert_eq!(walk(&t.events(id).await), [Purchased]);
        t.finish().await;
    }

    async fn a_renewal_paid_after_past_due_mends_it_and_an_older_one_does_not(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let before = t.services.now();
        let order = |at: Timestamp| json!({"id": format!("order_{}", t.number()), "status": "paid", "paid": true,
            "total_amount": 1500, "modified_at": at, "subscription_id": TestServices::subscription_of(id),
            "metadata": {"assistant_id": id.to_string()}});
        t.clock.advance(HOUR);
        for kind in ["subscription.past_due", "subscription.revoked"] {
            t.polar(kind, revoked(&t, id, "past_due", &Value::Null)).await;
            t.run().await;
            assert_eq!(t.record(&me, id).await.payment_status, PastDue);
            t.polar("order.paid", order(before)).await;
            t.run().await;
            assert_eq!(t.record(&me, id).await.payment_status, PastDue);
            t.clock.advance(TICK);
            t.polar("order.paid", order(t.services.now())).await;
            t.run().await;
            assert_eq!(t.record(&me, id).await.payment_status, Paid);
            t.clock.advance(TICK);
        }
        let status: Status = t.status(&me, id).await;
        assert_eq!(status, Active);
        t.finish().await;
    }
}
