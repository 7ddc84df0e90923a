use reef_domain::wire::PaymentStatus::{Canceled, Paid, Refunded};
use reef_domain::wire::Status::{PendingPayment, Purchased, Stopped};
use reef_service::Error;
use reef_service::testing::TestServices;
use reef_store::on_both_databases;
use serde_json::json;

use crate::support::HOUR;

on_both_databases! {
    async fn late_event_does_not_revive_ended_subscription(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for (end, status) in [("subscription.revoked", Canceled), ("order.refunded", Refunded)] {
            let id = t.create_active(&me).await;
            if end == "order.refunded" { t.receive_order_event(id, end).await } else { t.receive_subscription_event(id, end).await }
            t.run_jobs().await;
            let over = t.record(&me, id).await;
            assert_eq!((over.status, over.payment_status), (Stopped, status));
            t.receive_order_event(id, "order.paid").await;
            for kind in ["active", "past_due", "uncanceled"] {
                t.receive_subscription_event(id, &format!("subscription.{kind}")).await;
            }
            t.advance_and_run(HOUR).await;
            assert_eq!(t.record(&me, id).await, over);
        }
        t.finish().await;
    }

    async fn end_before_payment_event_is_remembered(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for end in ["subscription.revoked", "order.refunded"] {
            let id = t.create_unpaid(&me).await;
            if end == "order.refunded" { t.receive_order_event(id, end).await } else { t.receive_subscription_event(id, end).await }
            t.pay(id).await;
            let record = t.record(&me, id).await;
            assert_eq!(record.status, PendingPayment, "{end}");
            assert_ne!(record.payment_status, Paid, "{end}");
            assert!(matches!(t.activate(&me, id).await, Err(Error::InvalidState { .. })));
            // A later proper payment still counts.
            let second = json!({"id": format!("second_{id}"), "status": "active", "metadata": {"assistant_id": id.to_string()}});
            t.receive_polar_webhook("subscription.active", second).await;
            t.run_jobs().await;
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status), (Purchased, Paid), "{end}");
            assert_eq!(record.polar_subscription_id, Some(format!("second_{id}")));
            assert!(!t.payments.revoked().contains(&format!("second_{id}")));
        }
        t.finish().await;
    }

    async fn cancellation_before_payment_is_kept(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        let canceled = json!({"id": TestServices::subscription_id(id), "status": "active",
            "canceled_at": "2026-02-14T00:00:00Z", "metadata": {"assistant_id": id.to_string()}});
        t.receive_polar_webhook("subscription.canceled", canceled).await;
        t.pay(id).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Purchased, Paid));
        assert!(record.canceled_at.is_some());
        t.finish().await;
    }

    async fn older_period_does_not_shorten_newer(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        let end = t.record(&me, id).await.current_period_end;
        let older = json!({"id": TestServices::subscription_id(id), "status": "active",
            "current_period_end": "2026-02-20T00:00:00Z", "metadata": {"assistant_id": id.to_string()}});
        t.receive_polar_webhook("subscription.active", older).await;
        t.run_jobs().await;
        assert_eq!(t.record(&me, id).await.current_period_end, end);
        t.finish().await;
    }
}
