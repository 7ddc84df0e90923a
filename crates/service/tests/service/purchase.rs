use reef_domain::ErrorCode;
use reef_domain::wire::{ApiMode, Status};
use reef_ports::{CheckoutRefusal, PaymentError};
use reef_service::Error;
use reef_service::testing::{START, TestServices};
use reef_store::on_both_databases;
use serde_json::json;

use crate::support::{HOUR, MINUTE, TICK, delete};

const fn refused(why: CheckoutRefusal) -> PaymentError {
    PaymentError::CheckoutRefused { refusal: why, message: String::new() }
}

/// All reasons for which a checkout is refused.
const REFUSALS: [fn() -> PaymentError; 6] = [
    || refused(CheckoutRefusal::Email),
    || refused(CheckoutRefusal::OtherCustomer),
    || refused(CheckoutRefusal::OneSubscriptionOnly),
    || refused(CheckoutRefusal::NotReady),
    || refused(CheckoutRefusal::Product),
    || refused(CheckoutRefusal::Other),
];

on_both_databases! {
    async fn row_exists_before_checkout_with_its_id(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let gate = t.payments.script.hold("create_checkout");
        let (bought, ()) = tokio::join!(t.services.purchase(&me, Ok(ApiMode::Managed)), async {
            gate.reached().await;
            let slots = t.services.list_assistants(&me).await.unwrap();
            assert_eq!(slots.iter().map(|slot| slot.status).collect::<Vec<_>>(), [Status::PendingPayment]);
            gate.open();
        });
        let bought = bought.unwrap();
        let checkouts = t.payments.checkouts();
        let [checkout] = checkouts.as_slice() else { panic!("{checkouts:?}") };
        assert_eq!((checkout.assistant_id, checkout.user_id), (bought.id, me.user_id));
        assert_eq!(checkout.product, "product-managed");
        let page = format!("https://reef.example/assistants/{}", bought.id);
        assert_eq!(checkout.success_url, format!("{page}?checkout_id={{CHECKOUT_ID}}"));
        let details = t.services.get_details(&me, &bought.id.to_string()).await.unwrap();
        assert_eq!(details.checkout_url, Some(bought.checkout_url));
        t.finish().await;
    }

    async fn failed_checkout_leaves_no_assistant_and_late_payment_is_revoked(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        // The checkout is created, but the response is lost.
        let lost = || PaymentError::Unavailable("no answer".into());
        t.payments.script.on("create_checkout", 1, reef_service::testing::Behavior::FailAfter(lost));
        let refused = t.services.purchase(&me, Ok(ApiMode::Byok)).await;
        assert!(matches!(refused, Err(Error::PaymentProviderUnavailable)), "{refused:?}");
        assert!(t.services.list_assistants(&me).await.unwrap().is_empty());
        let id = t.payments.checkouts()[0].assistant_id;
        t.pay(id).await;
        assert!(t.services.list_assistants(&me).await.unwrap().is_empty());
        assert!(t.payments.revoked().contains(&TestServices::subscription_id(id)));
        t.finish().await;
    }

    async fn refused_checkout_says_what_to_do_and_leaves_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let mut messages = std::collections::BTreeSet::new();
        for refusal in REFUSALS {
            t.payments.script.fail("create_checkout", 2, refusal);
            let by_key = t.services.purchase(&me, Ok(ApiMode::Byok)).await;
            let token = t.services.form_token();
            let by_form = t.services.purchase_by_form(&me, Ok(ApiMode::Byok), &token).await;
            for error in [by_key.map(drop).unwrap_err(), by_form.map(drop).unwrap_err()] {
                assert_eq!(error.code(), ErrorCode::InternalError);
                assert_eq!(error.details(), Some(json!({"reason": "checkout_refused"})));
                let message = error.message();
                assert!(message.contains("Nothing was charged"), "{message}");
                messages.insert(message);
            }
            // The same form can be sent again.
            t.services.purchase_by_form(&me, Ok(ApiMode::Byok), &token).await.unwrap();
            let slots = t.services.list_assistants(&me).await.unwrap();
            assert_eq!(slots.len(), 1);
            t.services.delete(&me, &slots[0].id, Ok(())).await.unwrap();
        }
        assert_eq!(messages.len(), REFUSALS.len(), "each refusal has its own message");
        // No payment check is scheduled for checkouts that do not exist.
        let due = t.db.store.read().await.unwrap().count_overdue_payment_checks(t.services.now().plus(9 * HOUR)).await.unwrap();
        assert_eq!(due.0, i64::try_from(REFUSALS.len()).unwrap(), "only the deleted orders");
        // A response without a reason is a refusal, too; a rate limit is not.
        t.payments.script.fail("create_checkout", 1, || PaymentError::Refused { status: 422 });
        let refused = t.services.purchase(&me, Ok(ApiMode::Byok)).await;
        assert!(matches!(refused, Err(Error::CheckoutRefused(CheckoutRefusal::Other))), "{refused:?}");
        t.payments.script.fail("create_checkout", 1, || PaymentError::RateLimited { retry_after: None });
        let refused = t.services.purchase(&me, Ok(ApiMode::Byok)).await;
        assert!(matches!(refused, Err(Error::PaymentProviderUnavailable)), "{refused:?}");
        t.run_jobs().await;
        t.finish().await;
    }

    async fn unconfigured_payments_leave_no_row(db: TestStore) {
        let t = TestServices::with_config(db, |config| config.product_managed = None);
        let me = t.create_user().await;
        let refused = t.services.purchase(&me, Ok(ApiMode::Managed)).await;
        assert!(matches!(refused, Err(Error::PaymentNotConfigured)));
        let malformed = t.services.purchase(&me, Err(vec![])).await;
        assert!(matches!(malformed, Err(Error::InvalidRequest(_))));
        assert!(t.services.list_assistants(&me).await.unwrap().is_empty());
        t.create_unpaid(&me).await;
        t.finish().await;
    }

    async fn unpaid_orders_are_limited_to_ten_an_hour(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        for _ in 0..9 {
            t.create_unpaid(&me).await;
        }
        t.clock.advance(MINUTE);
        let tenth = t.create_unpaid(&me).await;
        let refused = || t.services.purchase(&me, Ok(ApiMode::Byok));
        assert!(matches!(refused().await, Err(Error::RateLimited { .. })));
        t.create_unpaid(&other).await;
        t.clock.set(START.plus(HOUR).minus(TICK));
        assert!(matches!(refused().await, Err(Error::RateLimited { .. })));
        // Paid orders do not count, and deleted ones do.
        t.pay(tenth).await;
        let again = t.create_unpaid(&me).await;
        assert!(matches!(refused().await, Err(Error::RateLimited { .. })));
        delete(&t, &me, again).await.unwrap();
        assert!(matches!(refused().await, Err(Error::RateLimited { .. })));
        t.clock.set(START.plus(HOUR));
        for _ in 0..9 {
            t.create_unpaid(&me).await;
        }
        assert!(matches!(refused().await, Err(Error::RateLimited { .. })));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn concurrent_orders_stop_at_ten(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let mut orders = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let services = t.services.clone();
            orders.spawn(async move { services.purchase(&me, Ok(ApiMode::Byok)).await.is_ok() });
        }
        let taken = orders.join_all().await.into_iter().filter(|taken| *taken).count();
        assert_eq!(taken, 10);
        t.finish().await;
    }

    async fn unpaid_order_is_listed_for_an_hour(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        let listed = || async { t.services.list_assistants(&me).await.unwrap().len() };
        t.clock.advance(HOUR);
        assert_eq!(listed().await, 1);
        t.clock.advance(TICK);
        assert_eq!(listed().await, 0);
        assert_eq!(t.status(&me, id).await, Status::PendingPayment);
        t.pay(id).await;
        assert_eq!(listed().await, 1);
        t.finish().await;
    }

    async fn confirmed_checkout_grants_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        let metadata = json!({"assistant_id": id.to_string()});
        t.receive_polar_webhook("checkout.updated", json!({"id": "c", "status": "confirmed", "metadata": metadata})).await;
        t.receive_polar_webhook("order.created", json!({"id": "o", "status": "pending", "paid": false, "metadata": metadata})).await;
        t.receive_polar_webhook("order.paid", json!({"id": "o", "status": "pending", "paid": false, "metadata": metadata})).await;
        let incomplete = json!({"id": "s", "status": "incomplete", "metadata": metadata});
        t.receive_polar_webhook("subscription.created", incomplete.clone()).await;
        t.receive_polar_webhook("subscription.active", incomplete).await;
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Status::PendingPayment);
        t.finish().await;
    }
}
