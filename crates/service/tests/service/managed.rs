//! Managed plan: one key per assistant, credit once per billing period, and usage from the provider.

use reef_domain::ids::AssistantId;
use reef_domain::wire::ApiMode;
use reef_domain::wire::Status::{Active, Stopped};
use reef_domain::{Timestamp, Usd};
use reef_ports::{KEYS_PAGE_SIZE, ManagedKeyError, ManagedKeyInfo, ModelCheckError};
use reef_service::Caller;
use reef_service::testing::{Behavior, TestServices, activation};
use reef_store::on_both_databases;
use serde_json::json;

use crate::crash::crash_at;
use crate::support::{HOUR, MINUTE, SECOND, delete, redeploy, stop, walk};

pub const FIVE: Usd = Usd::from_micros(5_000_000);
pub const TEN: Usd = Usd::from_micros(10_000_000);

pub fn lost() -> ManagedKeyError {
    ManagedKeyError("timeout".to_owned())
}

/// Orders and pays for a managed assistant.
pub async fn slot(t: &TestServices, me: &Caller) -> AssistantId {
    let id = t.create_unpaid_with_plan(me, ApiMode::Managed).await;
    t.pay(id).await;
    id
}

pub async fn activate(t: &TestServices, me: &Caller, id: AssistantId) {
    let mut input = activation(t.next_number());
    input.model_id = "openrouter/auto".into();
    t.services.activate(me, &id.to_string(), Ok(input)).await.expect("activation should succeed");
}

pub async fn active(t: &TestServices, me: &Caller) -> AssistantId {
    let id = slot(t, me).await;
    activate(t, me, id).await;
    t.run_jobs().await;
    assert_eq!(t.status(me, id).await, Active);
    id
}

/// Polar reports a paid order, whose billing period ends at `period_end`.
pub async fn renewed(t: &TestServices, id: AssistantId, order: &str, period_end: Option<&str>) {
    let subscription = period_end.map(|end| {
        json!({"id": TestServices::subscription_id(id), "status": "active", "metadata": {}, "current_period_end": end})
    });
    let data = json!({
        "id": order, "status": "paid", "paid": true, "metadata": {"assistant_id": id.to_string()},
        "subscription_id": TestServices::subscription_id(id), "subscription": subscription, "total_amount": 1500,
    });
    t.receive_polar_webhook("order.paid", data).await;
}

/// The only managed key.
#[track_caller]
pub fn only_key(t: &TestServices) -> ManagedKeyInfo {
    let keys = t.managed_keys.keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys[0].clone()
}

pub async fn credit(t: &TestServices, me: &Caller, id: AssistantId) -> (Usd, Usd, bool) {
    let details = t.services.get_details(me, &id.to_string()).await.expect("details");
    let credit = details.credit.expect("credit");
    (credit.used, credit.credited, credit.is_exhausted)
}

on_both_databases! {
    async fn billing_period_adds_credit_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        assert_eq!((only_key(&t).limit, only_key(&t).name), (Some(FIVE), format!("reef-{id}")));
        // The first payment is reported again in every form.
        for _ in 0..2 {
            t.receive_subscription_event(id, "subscription.active").await;
            renewed(&t, id, "order_first", Some("2026-03-13T12:03:21.456Z")).await;
        }
        t.run_jobs().await;
        assert_eq!(only_key(&t).limit, Some(FIVE));
        // Three renewals, the last one first, each reported twice.
        for (order, end) in [("o4", "2026-06-13"), ("o2", "2026-04-13"), ("o3", "2026-05-13"), ("o2", "2026-04-13"), ("o4", "2026-06-13")] {
            renewed(&t, id, order, Some(&format!("{end}T12:03:21.456Z"))).await;
            t.run_jobs().await;
        }
        assert_eq!(only_key(&t).limit, Some(Usd::from_micros(20_000_000)));
        assert_eq!(credit(&t, &me, id).await, (Usd::ZERO, Usd::from_micros(20_000_000), false));
        t.finish().await;
    }

    async fn usage_beyond_first_pages_is_read_by_next_run(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        // The list is newest first, and foreign keys fill two pages before this one.
        let key = only_key(&t);
        for number in 0..2 * KEYS_PAGE_SIZE {
            let hash = format!("foreign-{number}");
            t.managed_keys.insert(ManagedKeyInfo { hash, name: "foreign".to_owned(), ..key.clone() });
        }
        t.managed_keys.update_all(|key| key.used = Usd::from_micros(1_000_000));
        for _ in 0..2 {
            t.services.record_managed_key_usage(1).await.unwrap();
            assert_eq!(credit(&t, &me, id).await.0, Usd::ZERO);
        }
        t.services.record_managed_key_usage(1).await.unwrap();
        assert_eq!(credit(&t, &me, id).await.0, Usd::from_micros(1_000_000));
        // The list has ended, so that the next run starts with the newest keys.
        t.managed_keys.remove(|key| key.name == "foreign");
        t.managed_keys.update_all(|key| key.used = Usd::from_micros(2_000_000));
        t.services.record_managed_key_usage(1).await.unwrap();
        assert_eq!(credit(&t, &me, id).await.0, Usd::from_micros(2_000_000));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn order_within_period_adds_no_credit(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        t.payments.set_subscription(json!({
            "id": TestServices::subscription_id(id), "status": "active", "modified_at": t.services.now(),
            "current_period_end": "2026-03-13T12:03:21.456Z", "metadata": {"assistant_id": id.to_string()},
        }));
        for reason in ["subscription_update", "subscription_meter_cycle"] {
            let order = json!({
                "id": reason, "status": "paid", "paid": true, "billing_reason": reason, "total_amount": 700,
                "subscription_id": TestServices::subscription_id(id), "metadata": {"assistant_id": id.to_string()},
            });
            t.payments.set_order(order.clone());
            t.receive_polar_webhook("order.paid", order).await;
        }
        t.advance_and_run(2 * MINUTE).await;
        assert!(t.services.reconcile_due().await.unwrap() > 0, "Reef also checks with Polar");
        t.run_jobs().await;
        assert_eq!(credit(&t, &me, id).await.1, FIVE);
        t.finish().await;
    }

    async fn period_is_identified_by_order_or_end(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for orders_first in [true, false] {
            let id = t.create_unpaid_with_plan(&me, ApiMode::Managed).await;
            if orders_first {
                renewed(&t, id, "order_a", None).await;
                t.receive_subscription_event(id, "subscription.active").await;
            } else {
                t.receive_subscription_event(id, "subscription.active").await;
                renewed(&t, id, "order_b", None).await;
            }
            t.run_jobs().await;
            assert_eq!(credit(&t, &me, id).await.1, FIVE, "orders first: {orders_first}");
            // Both reports are known, so neither adds credit again.
            t.receive_subscription_event(id, "subscription.active").await;
            renewed(&t, id, if orders_first { "order_a" } else { "order_b" }, None).await;
            renewed(&t, id, "order_c", Some("2026-03-13T12:03:21.456Z")).await;
            t.run_jobs().await;
            assert_eq!(credit(&t, &me, id).await.1, FIVE, "orders first: {orders_first}");
            renewed(&t, id, "order_d", None).await;
            t.run_jobs().await;
            assert_eq!(credit(&t, &me, id).await.1, TEN, "orders first: {orders_first}");
        }
        t.finish().await;
    }

    async fn unrelated_payment_adds_no_credit(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        let other = json!({"id": "sub_other", "status": "active", "metadata": {"assistant_id": id.to_string()},
            "current_period_end": "2027-01-01T00:00:00Z"});
        t.receive_polar_webhook("subscription.active", other).await;
        t.receive_subscription_event(id, "subscription.past_due").await;
        t.receive_subscription_event(id, "subscription.revoked").await;
        renewed(&t, id, "late", Some("2026-04-13T12:03:21.456Z")).await;
        t.run_jobs().await;
        assert_eq!((only_key(&t).limit, only_key(&t).disabled), (Some(FIVE), true));
        t.finish().await;
    }

    async fn key_of_stopped_assistant_is_disabled(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        assert!(!only_key(&t).disabled);
        stop(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert!(only_key(&t).disabled);
        // A period that is paid meanwhile adds credit, and does not enable the key.
        renewed(&t, id, "o2", Some("2026-04-13T12:03:21.456Z")).await;
        t.run_jobs().await;
        assert_eq!((only_key(&t).limit, only_key(&t).disabled), (Some(TEN), true));
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert!(!only_key(&t).disabled);
        t.receive_subscription_event(id, "subscription.revoked").await;
        t.run_jobs().await;
        assert_eq!((t.status(&me, id).await, only_key(&t).disabled), (Stopped, true));
        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.managed_keys.keys(), []);
        t.finish().await;
    }

    async fn unconfirmed_disabling_is_retried(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        t.managed_keys.script.fail("update", 30, lost);
        stop(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert!(!only_key(&t).disabled);
        for _ in 0..30 {
            t.advance_and_run(2 * HOUR).await;
        }
        assert!(only_key(&t).disabled);
        t.finish().await;
    }

    async fn late_disabling_does_not_fail_redeployment(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        t.models.script.fail("check", 3, || ModelCheckError::KeyRejected);
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!((t.status(&me, id).await, only_key(&t).disabled), (Active, false));
        t.finish().await;
    }

    async fn lost_response_leaves_one_key(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = slot(&t, &me).await;
        activate(&t, &me, id).await;
        t.managed_keys.script.on("create", 2, Behavior::FailAfter(lost));
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Active);
        assert_eq!(t.managed_keys.script.count("create"), 3);
        assert_eq!((only_key(&t).hash.as_str(), only_key(&t).limit), ("keyhash-3", Some(FIVE)));
        t.finish().await;
    }

    async fn crash_before_key_is_stored_leaves_one_key(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = slot(&t, &me).await;
        activate(&t, &me, id).await;
        crash_at(&t, "create", true).await;
        // Usage of the key that was lost still counts.
        t.managed_keys.update_all(|key| key.used = Usd::from_micros(1_500_000));
        t.advance_and_run(11 * SECOND).await;
        assert_eq!(t.status(&me, id).await, Active);
        assert_eq!((only_key(&t).hash.as_str(), only_key(&t).limit), ("keyhash-2", Some(Usd::from_micros(3_500_000))));
        assert_eq!(credit(&t, &me, id).await, (Usd::from_micros(1_500_000), FIVE, false));
        renewed(&t, id, "o2", Some("2026-04-13T12:03:21.456Z")).await;
        t.run_jobs().await;
        assert_eq!(only_key(&t).limit, Some(Usd::from_micros(8_500_000)));
        t.finish().await;
    }

    async fn crash_before_key_is_stored_and_deletion_leave_no_key(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = slot(&t, &me).await;
        activate(&t, &me, id).await;
        crash_at(&t, "create", true).await;
        // A deletion waits until the lease of the other process has expired.
        t.clock.advance(11 * SECOND);
        delete(&t, &me, id).await.unwrap();
        t.advance_and_run(11 * SECOND).await;
        assert_eq!(t.managed_keys.keys(), []);
        t.finish().await;
    }

    async fn key_missing_at_openrouter_is_replaced(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        t.managed_keys.update_all(|key| key.used = Usd::from_micros(2_000_000));
        t.services.enqueue_periodic_jobs().await.unwrap();
        t.clock.advance(3 * MINUTE);
        t.services.enqueue_periodic_jobs().await.unwrap();
        t.run_jobs().await;
        t.managed_keys.remove(|_| true);
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Active);
        assert_eq!(only_key(&t).limit, Some(Usd::from_micros(3_000_000)));
        t.finish().await;
    }

    async fn exhausted_credit_is_recorded_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        let read = async || {
            // Two processes check at the same time.
            t.services.enqueue_periodic_jobs().await.unwrap();
            t.services.enqueue_periodic_jobs().await.unwrap();
            t.run_jobs().await;
            t.managed_keys.script.count("list")
        };
        let before = read().await;
        t.clock.advance(3 * MINUTE);
        assert_eq!(read().await, before + 1);
        assert_eq!(read().await, before + 1);
        let record = t.record(&me, id).await;
        t.managed_keys.update_all(|key| key.used = Usd::from_micros(1_204_000));
        t.clock.advance(3 * MINUTE);
        assert_eq!(read().await, before + 2);
        assert_eq!(credit(&t, &me, id).await, (Usd::from_micros(1_204_000), FIVE, false));
        t.managed_keys.update_all(|key| key.used = FIVE);
        for _ in 0..3 {
            t.clock.advance(3 * MINUTE);
            read().await;
        }
        assert_eq!(credit(&t, &me, id).await, (FIVE, FIVE, true));
        let events = t.events(id).await;
        assert_eq!(walk(&events).len(), 4, "one more event than the activation");
        let last = events.last().unwrap();
        assert_eq!((last.kind.as_str(), last.status), ("assistant.credit_used_up", Active));
        let message = last.status_message.clone().unwrap();
        assert!(message.starts_with("CREDIT_USED_UP: ") && message.contains("Mar 13, 2026"), "{message}");
        assert_eq!(t.record(&me, id).await, record, "the record stays the same");
        assert_eq!(t.callbacks.received().len(), 2, "the event has no callback");
        // The next period adds credit. When that is used up, there is another event.
        renewed(&t, id, "o2", Some("2026-04-13T12:03:21.456Z")).await;
        t.run_jobs().await;
        assert_eq!(credit(&t, &me, id).await, (FIVE, TEN, false));
        t.managed_keys.update_all(|key| key.used = TEN);
        t.clock.advance(3 * MINUTE);
        read().await;
        assert_eq!(walk(&t.events(id).await).len(), 5);
        t.finish().await;
    }

    async fn refusal_in_chat_is_recorded_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = active(&t, &me).await;
        for _ in 0..2 {
            let mut tx = t.db.store.begin().await.unwrap();
            tx.record_credit_refusal(id, t.services.now()).await.unwrap();
            tx.commit().await.unwrap();
            t.services.record_credit_refusals().await.unwrap();
            t.services.record_credit_refusals().await.unwrap();
            t.run_jobs().await;
        }
        assert!(credit(&t, &me, id).await.2);
        assert_eq!(walk(&t.events(id).await).len(), 4);
        t.finish().await;
    }

    async fn key_drift_is_reconciled(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, gone) = (active(&t, &me).await, active(&t, &me).await);
        delete(&t, &me, gone).await.unwrap();
        t.run_jobs().await;
        let kept = only_key(&t);
        let stray = |hash: &str, name: String, created_at: i64| ManagedKeyInfo {
            hash: hash.to_owned(), name, disabled: false, limit: None, used: Usd::ZERO,
            created_at: Some(Timestamp::from_unix_ms(created_at)),
        };
        let now = t.services.now().unix_ms();
        t.managed_keys.insert(stray("orphan", format!("reef-{id}"), 0));
        t.managed_keys.insert(stray("of the deleted", format!("reef-{gone}"), 0));
        t.managed_keys.insert(stray("young", format!("reef-{gone}"), now));
        t.managed_keys.insert(stray("another reef's", "reef-01890a5d-ac96-774b-bcce-b302099a8057".to_owned(), 0));
        t.managed_keys.insert(stray("somebody's", "reef-ops".to_owned(), 0));
        t.managed_keys.update_all(|key| if key.hash == kept.hash { (key.limit, key.disabled) = (Some(TEN), true) });
        t.services.enqueue_periodic_jobs().await.unwrap();
        t.clock.advance(3 * MINUTE);
        t.services.enqueue_periodic_jobs().await.unwrap();
        t.run_jobs().await;
        let keys = t.managed_keys.keys();
        let hashes: Vec<_> = keys.iter().map(|key| key.hash.as_str()).collect();
        assert_eq!(hashes, [kept.hash.as_str(), "young", "another reef's", "somebody's"]);
        assert_eq!((keys[0].limit, keys[0].disabled), (Some(FIVE), false));
        t.finish().await;
    }

    async fn byok_assistant_has_no_credit(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        assert_eq!(t.services.get_details(&me, &id.to_string()).await.unwrap().credit, None);
        assert_eq!(t.managed_keys.script.count("update") + t.managed_keys.script.count("list"), 0);
        t.finish().await;
    }
}
