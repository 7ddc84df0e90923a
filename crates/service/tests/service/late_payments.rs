use reef_domain::wire::PaymentStatus::{Canceled, Paid, Refunded};
use reef_domain::wire::Status::{PendingPayment, Purchased, Stopped};
use reef_service::Error;
use reef_service::testing::TestServices;
use reef_store::on_both_databases;
use serde_json::json;

use crate::support::HOUR;

on_both_databases! {
    async fn what_is_over_is_not_brought_back_by_a_late_event(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        for (end, status) in [("subscription.revoked", Canceled), ("order.refunded", Refunded)] {
            let id = t.active(&me).await;
            if end == "order.refunded" { t.order(id, end).await } else { t.subscription(id, end).await }
            t.run().await;
            let over = t.record(&me, id).await;
            assert_eq!((over.status, over.payment_status), (Stopped, status));
            t.order(id, "order.paid").await;
            for kind in ["active", "past_due", "uncanceled"] {
                t.subscription(id, &format!("subscription.{kind}")).await;
            }
            t.run_after(HOUR).await;
            assert_eq!(t.record(&me, id).await, over);
        }
        t.finish().await;
    }

    async fn an_end_that_overtakes_its_beginning_is_not_forgotten(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        for end in ["subscription.revoked", "order.refunded"] {
            let id = t.slot(&me).await;
            if end == "order.refunded" { t.order(id, end).await } else { t.subscription(id, end).await }
            t.pay(id).await;
            let record = t.record(&me, id).await;
            assert_eq!(record.status, PendingPayment, "{end}");
            assert_ne!(record.payment_status, Paid, "{end}");
            assert!(matches!(t.activate(&me, id).await, Err(Error::InvalidState { .. })));
            // A later proper payment still counts.
            let second = json!({"id": format!("second_{id}"), "status": "active", "metadata": {"assistant_id": id.to_string()}});
            t.polar("subscription.active", second).await;
            t.run().await;
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status), (Purchased, Paid), "{end}");
            assert_eq!(record.polar_subscription_id, Some(format!("second_{id}")));
            assert!(!t.payments.revoked().contains(&format!("second_{id}")));
        }
        t.finish().await;
    }

    async fn a_cancelation_before_the_payment_is_kept(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.slot(&me).await;
        let canceled = json!({"id": TestServices::subscription_of(id), "status": "active",
            "canceled_at": "2026-02-14T00:00:00Z", "metadata": {"assistant_id": id.to_string()}});
        t.polar("subscription.canceled", canceled).await;
        t.pay(id).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Purchased, Paid));
        assert!(record.canceled_at.is_some());
        t.finish().await;
    }

    async fn an_older_period_does_not_shorten_a_newer_one(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.paid(&me).await;
        let end = t.record(&me, id).await.current_period_end;
        let older = json!({"id": TestServices::subscription_of(id), "status": "active",
            "current_period_end": "2026-02-20T00:00:00Z", "metadata": {"assistant_id": id.to_string()}});
        t.polar("subscription.active", older).await;
        t.run().await;
        assert_eq!(t.record(&me, id).await.current_period_end, end);
        t.finish().await;
    }
}
