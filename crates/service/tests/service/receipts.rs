use reef_domain::ids::AssistantId;
use reef_domain::wire::ApiMode;
use reef_ports::{ManagedKeyError, PaymentError};
use reef_service::assistants::{End, RECEIPT_KEPT_FOR, RECEIPTS_PER_PAGE, Receipt, SubscriptionEnd};
use reef_service::testing::{TestServices, activation};
use reef_service::{Caller, Error};
use reef_store::on_both_databases;

use crate::support::{HOUR, TICK, delete};

async fn receipt(t: &TestServices, me: &Caller, id: AssistantId) -> Receipt {
    t.services.get_receipt(me, &id.to_string()).await.expect("a receipt")
}

on_both_databases! {
    async fn receipt_shows_deletion_and_subscription_end(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let before = t.record(&me, id).await;
        assert!(matches!(t.services.get_receipt(&me, &id.to_string()).await, Err(Error::NotFound)));
        t.payments.script.fail("revoke_subscription", 1, || PaymentError::Unavailable("502".into()));
        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        let now = receipt(&t, &me, id).await;
        assert_eq!((now.name.clone(), now.worker_name.clone()), (before.name, before.worker_name));
        assert!(now.had_bot_token && now.had_model_key);
        assert_eq!((now.managed_key, now.other_subscriptions.len()), (None, 0));
        assert_eq!(now.current_period_end, before.current_period_end);
        assert_eq!(now.subscription, SubscriptionEnd::Revoked(End::Pending));
        let mut changes = t.services.event_bus().subscribe(me.user_id, Some(id));
        t.advance_and_run(HOUR).await;
        assert!(changes.take_changes() > 0);
        let later = receipt(&t, &me, id).await;
        assert_eq!(later.subscription, SubscriptionEnd::Revoked(End::Confirmed(Some(t.services.now()))));
        assert_eq!(t.services.list_receipts(&me, None).await.unwrap(), (vec![later], None));
        t.finish().await;
    }

    async fn receipts_are_paged(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let mut ids = Vec::new();
        for _ in 0..=RECEIPTS_PER_PAGE {
            let id = t.create_unpaid(&me).await;
            delete(&t, &me, id).await.unwrap();
            ids.push(id.to_string());
            // At most ten unpaid orders an hour are allowed.
            t.clock.advance(HOUR / 10);
        }
        t.run_jobs().await;
        let (first, next) = t.services.list_receipts(&me, None).await.unwrap();
        let (rest, end) = t.services.list_receipts(&me, next).await.unwrap();
        assert_eq!((first.len(), rest.len(), end), (RECEIPTS_PER_PAGE, 1, None));
        let mut listed: Vec<String> = first.into_iter().chain(rest).map(|receipt| receipt.id).collect();
        listed.sort();
        ids.sort();
        assert_eq!(listed, ids);
        t.finish().await;
    }

    async fn receipt_is_visible_to_owner_for_ninety_days(db: TestStore) {
        let t = TestServices::new(db);
        let (me, other) = (t.create_user().await, t.create_user().await);
        let id = t.create_active(&me).await;
        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert!(matches!(t.services.get_receipt(&other, &id.to_string()).await, Err(Error::NotFound)));
        assert_eq!(t.services.list_receipts(&other, None).await.unwrap(), (vec![], None));
        assert!(matches!(t.services.get_receipt(&me, "nonsense").await, Err(Error::NotFound)));
        t.clock.advance(RECEIPT_KEPT_FOR);
        t.services.prune().await.unwrap();
        assert_eq!(receipt(&t, &me, id).await.expires_at, t.services.now());
        t.clock.advance(TICK);
        assert!(matches!(t.services.get_receipt(&me, &id.to_string()).await, Err(Error::NotFound)));
        t.services.prune().await.unwrap();
        assert_eq!(t.services.list_receipts(&me, None).await.unwrap(), (vec![], None));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn receipt_of_unpaid_assistant_has_nothing_to_end(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        let now = receipt(&t, &me, id).await;
        assert_eq!((now.subscription, now.worker_name, now.had_bot_token), (SubscriptionEnd::NeverPaid, None, false));
        // The payment arrives after the deletion; it is revoked, and the receipt shows that.
        t.pay(id).await;
        assert_eq!(receipt(&t, &me, id).await.other_subscriptions, [End::Confirmed(Some(t.services.now()))]);
    }

    async fn receipt_of_ended_subscription_says_so(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (ended, refunded) = (t.create_active(&me).await, t.create_active(&me).await);
        t.receive_subscription_event(ended, "subscription.revoked").await;
        t.receive_order_event(refunded, "order.refunded").await;
        t.run_jobs().await;
        t.clock.advance(TICK);
        for id in [ended, refunded] {
            delete(&t, &me, id).await.unwrap();
            t.run_jobs().await;
            assert_eq!(receipt(&t, &me, id).await.subscription, SubscriptionEnd::AlreadyEnded);
        }
    }

    async fn receipt_of_managed_assistant_ends_key(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid_with_plan(&me, ApiMode::Managed).await;
        t.pay(id).await;
        let mut input = activation(t.next_number());
        input.model_id = "openrouter/auto".to_owned();
        input.model_api_key = None;
        t.services.activate(&me, &id.to_string(), Ok(input)).await.unwrap();
        t.run_jobs().await;
        t.managed_keys.script.fail("delete", 2, || ManagedKeyError("502".to_owned()));
        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(receipt(&t, &me, id).await.managed_key, Some(End::Pending));
        t.advance_and_run(HOUR).await;
        t.advance_and_run(HOUR).await;
        assert_eq!(receipt(&t, &me, id).await.managed_key, Some(End::Confirmed(None)));
    }
}
