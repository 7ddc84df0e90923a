//! Ordering with a form once, and continuing a checkout.

use reef_domain::ids::AssistantId;
use reef_domain::wire::{ApiMode, PaymentStatus, Status};
use reef_ports::{CheckoutRefusal, PaymentError};
use reef_service::Error;
use reef_service::billing::{CheckoutProgress, CheckoutRedirect};
use reef_service::testing::TestServices;
use reef_store::on_both_databases;

use crate::support::{HOUR, SECOND};

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

fn down() -> PaymentError {
    PaymentError::Unavailable("no answer".into())
}

/// The id of the only unpaid assistant.
async fn only_slot(t: &TestServices, me: &reef_service::Caller) -> AssistantId {
    let slots = t.services.list_unpaid(me).await.expect("a list");
    let [slot] = slots.as_slice() else { panic!("{} slots", slots.len()) };
    AssistantId::parse(&slot.id).expect("an id")
}

on_both_databases! {
    async fn form_sent_twice_orders_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let token = t.services.form_token();
        let gate = t.payments.script.hold("create_checkout");
        let buy = || t.services.purchase_by_form(&me, Ok(ApiMode::Byok), &token);
        // The second click arrives while the checkout of the first is being created.
        let (first, second, ()) = tokio::join!(buy(), buy(), async {
            gate.reached().await;
            gate.open();
        });
        let first = first.unwrap();
        assert!(matches!(&first, CheckoutRedirect::Checkout(url) if url.starts_with("https://polar.test/")), "{first:?}");
        assert_eq!(second.unwrap(), first);
        // The same form is sent again hours later, from a page that was left open.
        t.clock.advance(HOUR);
        assert_eq!(buy().await.unwrap(), first);
        assert_eq!(t.payments.checkouts().len(), 1);
        only_slot(&t, &me).await;
        // Another plan and another page are new orders, and a form of another account is that account's.
        t.services.purchase_by_form(&me, Ok(ApiMode::Managed), &token).await.unwrap();
        t.services.purchase_by_form(&me, Ok(ApiMode::Byok), &t.services.form_token()).await.unwrap();
        let other = t.create_user().await;
        assert_ne!(t.services.purchase_by_form(&other, Ok(ApiMode::Byok), &token).await.unwrap(), first);
        assert_eq!(t.payments.checkouts().len(), 4);
        t.finish().await;
    }

    async fn failed_order_form_can_be_resent_and_paid_one_redirects(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let token = t.services.form_token();
        t.payments.script.fail("create_checkout", 1, down);
        let buy = || t.services.purchase_by_form(&me, Ok(ApiMode::Byok), &token);
        assert!(matches!(buy().await, Err(Error::PaymentProviderUnavailable)));
        assert!(t.services.list_unpaid(&me).await.unwrap().is_empty());
        buy().await.unwrap();
        let id = only_slot(&t, &me).await;
        t.pay(id).await;
        t.payments.set_checkout_status(id, "succeeded");
        assert_eq!(buy().await.unwrap(), CheckoutRedirect::Assistant(id));
        for bad in ["", "a b", &"x".repeat(65)] {
            let refused = t.services.purchase_by_form(&me, Ok(ApiMode::Byok), bad).await;
            assert!(matches!(refused, Err(Error::InvalidRequest(_))), "{bad:?}");
        }
        t.finish().await;
    }

    async fn open_checkout_is_reused_and_closed_one_replaced(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let bought = t.services.purchase(&me, Ok(ApiMode::Byok)).await.unwrap();
        let id = bought.id.to_string();
        let resume = || t.services.resume_checkout(&me, &id);
        assert_eq!(resume().await.unwrap(), CheckoutRedirect::Checkout(bought.checkout_url.clone()));
        // If Polar does not answer, its own page shows the state of the checkout.
        t.payments.script.fail("checkout", 1, down);
        assert_eq!(resume().await.unwrap(), CheckoutRedirect::Checkout(bought.checkout_url.clone()));
        assert_eq!(t.payments.checkouts().len(), 1);

        // The next day the checkout has expired, and no payment check is left.
        t.payments.set_checkout_status(bought.id, "expired");
        t.clock.advance(DAY);
        while t.services.reconcile_due().await.unwrap() > 0 { t.clock.advance(HOUR); }
        let gate = t.payments.script.hold("create_checkout");
        let (one, two, ()) = tokio::join!(resume(), resume(), async {
            gate.reached().await;
            gate.open();
        });
        let renewed = one.unwrap();
        assert_eq!(two.unwrap(), renewed);
        assert_ne!(renewed, CheckoutRedirect::Checkout(bought.checkout_url));
        let checkouts = t.payments.checkouts();
        assert_eq!(checkouts.iter().map(|new| new.assistant_id).collect::<Vec<_>>(), [bought.id, bought.id]);

        // A payment there is found by a payment check, too.
        t.payments.set_subscription(serde_json::json!({
            "id": TestServices::subscription_id(bought.id), "status": "active",
            "metadata": {"assistant_id": id}, "current_period_end": "2026-04-13T12:03:21.456Z",
        }));
        t.payments.set_last_checkout_status(bought.id, "succeeded");
        t.clock.advance(20 * SECOND);
        assert_eq!(t.services.reconcile_due().await.unwrap(), 1);
        t.run_jobs().await;
        assert_eq!(t.status(&me, bought.id).await, Status::Purchased);
        assert_eq!(resume().await.unwrap(), CheckoutRedirect::Assistant(bought.id));
        assert!(t.services.list_unpaid(&me).await.unwrap().is_empty());
        let other = t.create_user().await;
        assert!(matches!(t.services.resume_checkout(&other, &id).await, Err(Error::NotFound)));
        t.finish().await;
    }

    async fn continued_checkouts_are_rate_limited(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let id = t.create_unpaid(&me).await.to_string();
        for _ in 0..40 {
            t.services.resume_checkout(&me, &id).await.unwrap();
        }
        let refused = t.services.resume_checkout(&me, &id).await;
        assert!(matches!(refused, Err(Error::RateLimited { .. })), "{refused:?}");
        let others = t.create_unpaid(&other).await.to_string();
        t.services.resume_checkout(&other, &others).await.unwrap();
        t.clock.advance(61 * SECOND);
        t.services.resume_checkout(&me, &id).await.unwrap();
        t.finish().await;
    }

    async fn failed_replacement_checkout_can_be_retried(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        t.payments.set_checkout_status(id, "failed");
        t.payments.script.fail("create_checkout", 1, down);
        let resume = || async { t.services.resume_checkout(&me, &id.to_string()).await };
        assert!(matches!(resume().await, Err(Error::PaymentProviderUnavailable)));
        let refusal = || PaymentError::CheckoutRefused { refusal: CheckoutRefusal::NotReady, message: String::new() };
        t.payments.script.fail("create_checkout", 1, refusal);
        assert!(matches!(resume().await, Err(Error::CheckoutRefused(CheckoutRefusal::NotReady))));
        assert_eq!(only_slot(&t, &me).await, id);
        assert!(matches!(resume().await.unwrap(), CheckoutRedirect::Checkout(_)));
        assert_eq!(t.payments.checkouts().len(), 2);
        t.finish().await;
    }

    async fn return_from_checkout_shows_payment_state(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        let progress = || async { t.services.check_checkout_progress(&me, &id.to_string()).await.unwrap() };
        assert_eq!(progress().await, Some(CheckoutProgress::Open));
        for (status, expected) in [
            ("confirmed", CheckoutProgress::Confirming),
            ("succeeded", CheckoutProgress::Confirming),
            ("expired", CheckoutProgress::Closed),
        ] {
            t.payments.set_checkout_status(id, status);
            assert_eq!(progress().await, Some(expected), "{status}");
        }
        assert_eq!(t.record(&me, id).await.payment_status, PaymentStatus::Pending, "viewing the page grants nothing");
        t.payments.script.fail("checkout", 1, down);
        assert_eq!(progress().await, Some(CheckoutProgress::Unknown));
        // Reloading without end does not cause checks without end.
        t.payments.set_checkout_status(id, "open");
        while progress().await != Some(CheckoutProgress::Unknown) {}
        t.clock.advance(61 * SECOND);
        assert_eq!(progress().await, Some(CheckoutProgress::Open));
        t.pay(id).await;
        assert_eq!(progress().await, None);
        t.finish().await;
    }

    async fn prices_are_cached_for_a_day(db: TestStore) {
        let t = TestServices::with_config(db, |config| config.product_managed = None);
        assert_eq!(t.services.prices(), reef_service::Prices::default());
        t.services.refresh_prices().await.unwrap();
        let known = t.services.prices();
        assert_eq!(known.byok.as_ref().map(|price| price.amount), Some(1_900));
        assert_eq!(known.managed, None, "the plan is not sold");
        t.payments.script.fail("price", 1, down);
        t.clock.advance(DAY - SECOND);
        assert!(t.services.refresh_prices().await.is_err());
        assert_eq!(t.services.prices(), known);
        t.clock.advance(SECOND);
        assert_eq!(t.services.prices().byok, None);
        t.finish().await;
    }

    async fn portal_is_opened_per_click(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let url = t.services.create_portal_session(&me).await.unwrap().unwrap();
        assert!(url.contains(&me.user_id.to_string()) && url.ends_with("https://reef.example/billing"), "{url}");
        t.payments.script.fail("open_portal", 1, down);
        assert!(matches!(t.services.create_portal_session(&me).await, Err(Error::PaymentProviderUnavailable)));
        t.payments.forget_customers();
        assert_eq!(t.services.create_portal_session(&me).await.unwrap(), None);
        t.finish().await;
    }
}
