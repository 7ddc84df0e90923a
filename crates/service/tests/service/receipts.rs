use reef_domain::ids::AssistantId;
use reef_domain::wire::ApiMode;
use reef_service::assistants::{End, RECEIPT_KEPT_FOR, RECEIPTS_LISTED, Receipt, SubscriptionEnd};
use reef_service::hub::News;
use reef_service::ports::{ManagedKeyError, PaymentError};
use reef_service::testing::{TestServices, activation};
use reef_service::{Caller, Error};
use reef_store::on_both_databases;

use crate::support::{HOUR, TICK, delete};

async fn receipt(t: &TestServices, me: &Caller, id: AssistantId) -> Receipt {
    t.services.receipt(me, &id.to_string()).await.expect("a receipt")
}

on_both_databases! {
    async fn a_receipt_says_what_is_gone_and_whether_the_subscription_is_over(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let before = t.record(&me, id).await;
        assert!(matches!(t.services.receipt(&me, &id.to_string()).await, Err(Error::NotFound)));
        t.payments.script.fail("revoke_subscription", 1, || PaymentError::Unavailable("502".into()));
        delete(&t, &me, id).await.unwrap();
        t.run().await;
        let now = receipt(&t, &me, id).await;
        assert_eq!((now.name.clone(), now.worker_name.clone()), (before.name, before.worker_name));
        assert!(now.had_bot_token && now.had_model_key);
        assert_eq!((now.managed_key, now.besides.len()), (None, 0));
        assert_eq!(now.current_period_end, before.current_period_end);
        assert_eq!(now.subscription, SubscriptionEnd::Revoked(End::UnderWay));
        let mut changes = t.services.hub().listen();
        t.run_after(HOUR).await;
        let published = std::iter::from_fn(|| changes.try_recv().ok());
        assert!(published.into_iter().any(|one| matches!(one, News::Changed(change) if change.assistant_id == id)));
        let later = receipt(&t, &me, id).await;
        assert_eq!(later.subscription, SubscriptionEnd::Revoked(End::Confirmed(Some(t.services.now()))));
        assert_eq!(t.services.receipts(&me, None).await.unwrap(), (vec![later], None));
        t.finish().await;
    }

    async fn receipts_come_a_page_at_a_time(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let mut ids = Vec::new();
        for _ in 0..=RECEIPTS_LISTED {
            let id = t.slot(&me).await;
            delete(&t, &me, id).await.unwrap();
            ids.push(id.to_string());
            // At most ten unpaid orders an hour are allowed.
            t.clock.advance(HOUR / 10);
        }
        t.run().await;
        let (first, next) = t.services.receipts(&me, None).await.unwrap();
        let (rest, end) = t.services.receipts(&me, next).await.unwrap();
        assert_eq!((first.len(), rest.len(), end), (RECEIPTS_LISTED, 1, None));
        let mut listed: Vec<String> = first.into_iter().chain(rest).map(|receipt| receipt.id).collect();
        listed.sort();
        ids.sort();
        assert_eq!(listed, ids);
        t.finish().await;
    }

    async fn a_receipt_is_its_owners_for_ninety_days(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.user().await, t.user().await);
        let id = t.active(&me).await;
        delete(&t, &me, id).await.unwrap();
        t.run().await;
        assert!(matches!(t.services.receipt(&other, &id.to_string()).await, Err(Error::NotFound)));
        assert_eq!(t.services.receipts(&other, None).await.unwrap(), (vec![], None));
        assert!(matches!(t.services.receipt(&me, "nonsense").await, Err(Error::NotFound)));
        t.clock.advance(RECEIPT_KEPT_FOR);
        t.services.prune().await.unwrap();
        assert_eq!(receipt(&t, &me, id).await.kept_until, t.services.now());
        t.clock.advance(TICK);
        assert!(matches!(t.services.receipt(&me, &id.to_string()).await, Err(Error::NotFound)));
        t.services.prune().await.unwrap();
        assert_eq!(t.services.receipts(&me, None).await.unwrap(), (vec![], None));
        t.run().await;
        t.finish().await;
    }

    async fn a_slot_that_was_never_paid_had_nothing_to_end(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.slot(&me).await;
        delete(&t, &me, id).await.unwrap();
        t.run().await;
        let now = receipt(&t, &me, id).await;
        assert_eq!((now.subscription, now.worker_name, now.had_bot_token), (SubscriptionEnd::NeverWas, None, false));
        // The payment arrives after the deletion; it is revoked, and the receipt shows that.
        t.pay(id).await;
        assert_eq!(receipt(&t, &me, id).await.besides, [End::Confirmed(Some(t.services.now()))]);
    }

    async fn what_had_ended_had_ended(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let (ended, refunded) = (t.active(&me).await, t.active(&me).await);
        t.subscription(ended, "subscription.revoked").await;
        t.order(refunded, "order.refunded").await;
        t.run().await;
        t.clock.advance(TICK);
        for id in [ended, refunded] {
            delete(&t, &me, id).await.unwrap();
            t.run().await;
            assert_eq!(receipt(&t, &me, id).await.subscription, SubscriptionEnd::HadEnded);
        }
    }

    async fn the_key_of_a_managed_assistant_ends_too(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.slot_of(&me, ApiMode::Managed).await;
        t.pay(id).await;
        let mut input = activation(t.number());
        input.model_id = "openrouter/auto".to_owned();
        input.model_api_key = None;
        t.services.activate(&me, &id.to_string(), Ok(input)).await.unwrap();
        t.run().await;
        t.managed_keys.script.fail("delete", 2, || ManagedKeyError("502".to_owned()));
        delete(&t, &me, id).await.unwrap();
        t.run().await;
        assert_eq!(receipt(&t, &me, id).await.managed_key, Some(End::UnderWay));
        t.run_after(HOUR).await;
        t.run_after(HOUR).await;
        assert_eq!(receipt(&t, &me, id).await.managed_key, Some(End::Confirmed(None)));
    }
}
