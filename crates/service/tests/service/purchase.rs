use reef_domain::ErrorCode;
use reef_domain::wire::{ApiMode, Status};
use reef_service::Error;
use reef_service::ports::{CheckoutRefusal, PaymentError};
use reef_service::testing::{START, TestServices};
use reef_store::on_both_databases;
use serde_json::json;

use crate::support::{HOUR, MINUTE, TICK, delete};

const fn refused(why: CheckoutRefusal) -> PaymentError {
    PaymentError::CheckoutRefused { why, said: String::new() }
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
    async fn the_row_is_there_before_the_checkout_and_its_id_is_in_it(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
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
        let details = t.services.assistant_details(&me, &bought.id.to_string()).await.unwrap();
        assert_eq!(details.checkout_url, Some(bought.checkout_url));
        t.finish().await;
    }

    async fn without_a_checkout_there_is_no_slot_and_a_later_payment_is_given_back(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        // The checkout is created, but the response is lost.
        let lost = || PaymentError::Unavailable("no answer".into());
        t.payments.script.on("create_checkout", 1, reef_service::testing::Act::FailAfter(lost));
        let refused = t.services.purchase(&me, Ok(ApiMode::Byok)).await;
        assert!(matches!(refused, Err(Error::PaymentProviderUnavailable)), "{refused:?}");
        assert!(t.services.list_assistants(&me).await.unwrap().is_empty());
        let id = t.payments.checkouts()[0].assistant_id;
        t.pay(id).await;
        assert!(t.services.list_assistants(&me).await.unwrap().is_empty());
        assert!(t.payments.revoked().contains(&TestServices::subscription_of(id)));
        t.finish().await;
    }

    async fn a_refused_checkout_says_what_to_do_and_leaves_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
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
        let due = t.db.store.read().await.unwrap().asks_overdue(t.services.now().plus(9 * HOUR)).await.unwrap();
        assert_eq!(due.0, i64::try_from(REFUSALS.len()).unwrap(), "only the deleted orders");
        // A response without a reason is a refusal, too; a rate limit is not.
        t.payments.script.fail("create_checkout", 1, || PaymentError::Refused { status: 422 });
        let refused = t.services.purchase(&me, Ok(ApiMode::Byok)).await;
        assert!(matches!(refused, Err(Error::CheckoutRefused(CheckoutRefusal::Other))), "{refused:?}");
        t.payments.script.fail("create_checkout", 1, || PaymentError::TooMany { retry_after: None });
        let refused = t.services.purchase(&me, Ok(ApiMode::Byok)).await;
        assert!(matches!(refused, Err(Error::PaymentProviderUnavailable)), "{refused:?}");
        t.run().await;
        t.finish().await;
    }

    async fn payments_that_are_not_configured_leave_no_row(db: TestStore) {
        let t = TestServices::with(db, |config| config.product_managed = None);
        let me = t.user().await;
        let refused = t.services.purchase(&me, Ok(ApiMode::Managed)).await;
        assert!(matches!(refused, Err(Error::PaymentNotConfigured)));
        let malformed = t.services.purchase(&me, Err(vec![])).await;
        assert!(matches!(malformed, Err(Error::InvalidRequest(_))));
        assert!(t.services.list_assistants(&me).await.unwrap().is_empty());
        t.slot(&me).await;
        t.finish().await;
    }

    async fn ten_unpaid_slots_are_enough_until_the_hour_is_over(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.user().await, t.user().await);
        for _ in 0..9 {
            t.slot(&me).await;
        }
        t.clock.advance(MINUTE);
        let tenth = t.slot(&me).await;
        let refused = || t.services.purchase(&me, Ok(ApiMode::Byok));
        assert!(matches!(refused().await, Err(Error::RateLimited { .. })));
        t.slot(&other).await;
        t.clock.set(START.plus(HOUR).minus(TICK));
        assert!(matches!(refused().await, Err(Error::RateLimited { .. })));
        // Paid orders do not count, and deleted ones do.
        t.pay(tenth).await;
        let again = t.slot(&me).await;
        assert!(matches!(refused().await, Err(Error::RateLimited { .. })));
        delete(&t, &me, again).await.unwrap();
        assert!(matches!(refused().await, Err(Error::RateLimited { .. })));
        t.clock.set(START.plus(HOUR));
        for _ in 0..9 {
            t.slot(&me).await;
        }
        assert!(matches!(refused().await, Err(Error::RateLimited { .. })));
        t.run().await;
        t.finish().await;
    }

    async fn of_many_orders_at_once_ten_are_taken(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let mut orders = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let services = t.services.clone();
            orders.spawn(async move { services.purchase(&me, Ok(ApiMode::Byok)).await.is_ok() });
        }
        let taken = orders.join_all().await.into_iter().filter(|taken| *taken).count();
        assert_eq!(taken, 10);
        t.finish().await;
    }

    async fn an_unpaid_slot_is_listed_for_an_hour_and_readable_ever_after(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.slot(&me).await;
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

    async fn a_checkout_that_is_only_confirmed_grants_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.slot(&me).await;
        let metadata = json!({"assistant_id": id.to_string()});
        t.polar("checkout.updated", json!({"id": "c", "status": "confirmed", "metadata": metadata})).await;
        t.polar("order.created", json!({"id": "o", "status": "pending", "paid": false, "metadata": metadata})).await;
        t.polar("order.paid", json!({"id": "o", "status": "pending", "paid": false, "metadata": metadata})).await;
        let incomplete = json!({"id": "s", "status": "incomplete", "metadata": metadata});
        t.polar("subscription.created", incomplete.clone()).await;
        t.polar("subscription.active", incomplete).await;
        t.run().await;
        assert_eq!(t.status(&me, id).await, Status::PendingPayment);
        t.finish().await;
    }
}
