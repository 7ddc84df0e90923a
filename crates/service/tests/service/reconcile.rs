//! Payment checks find what Polar's webhooks did not report.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_domain::wire::EventKind;
use reef_domain::wire::PaymentStatus::{Canceled, Paid, PastDue, Refunded};
use reef_domain::wire::Status::{Active, PendingPayment, Purchased, Stopped};
use reef_ports::{PaymentError, WebhookEndpoint};
use reef_service::testing::TestServices;
use reef_store::on_both_databases;
use serde_json::{Value, json};

use crate::support::{HOUR, MINUTE, SECOND, delete, walk};

const PERIOD_END: &str = "2026-03-13T12:03:21.456Z";

/// Sets an assistant's subscription in Polar's form.
pub fn set_subscription(t: &TestServices, id: AssistantId, change: &Value) {
    let mut doc = json!({"id": TestServices::subscription_id(id), "status": "active", "canceled_at": null,
        "ended_at": null, "current_period_end": PERIOD_END, "modified_at": t.services.now(),
        "metadata": {"assistant_id": id.to_string()}});
    for (key, value) in change.as_object().expect("an object") {
        doc[key] = value.clone();
    }
    t.payments.set_subscription(doc);
}

fn set_order(t: &TestServices, id: AssistantId, name: &str, change: &Value) {
    let mut doc = json!({"id": name, "status": "paid", "paid": true, "total_amount": 1500, "refunded_amount": 0,
        "subscription_id": TestServices::subscription_id(id), "metadata": {"assistant_id": id.to_string()}});
    for (key, value) in change.as_object().expect("an object") {
        doc[key] = value.clone();
    }
    t.payments.set_order(doc);
}

/// The buyer pays, and the webhooks are lost.
pub fn pay_without_webhooks(t: &TestServices, id: AssistantId) {
    t.payments.set_checkout_status(id, "succeeded");
    set_subscription(t, id, &json!({}));
    set_order(t, id, &format!("order_{id}"), &json!({}));
}

/// Lets time pass in steps with payment checks and jobs. Returns the number of checks.
pub async fn pass_time(t: &TestServices, steps: u32, step: Duration) -> usize {
    let mut checks = 0;
    for _ in 0..steps {
        t.advance_and_run(step).await;
        checks += t.services.reconcile_due().await.expect("the checks should run");
        t.run_jobs().await;
    }
    checks
}

on_both_databases! {
    async fn unreported_payment_is_found(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        assert_eq!(t.services.reconcile_due().await.unwrap(), 0, "the webhook may still arrive");
        pay_without_webhooks(&t, id);
        pass_time(&t, 1, 20 * SECOND).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Purchased, Paid));
        assert_eq!(record.polar_subscription_id, Some(TestServices::subscription_id(id)));
        assert_eq!(record.current_period_end, Timestamp::parse(PERIOD_END));
        // Webhooks that arrive late change nothing.
        t.pay(id).await;
        pass_time(&t, 2, MINUTE).await;
        assert_eq!(t.record(&me, id).await, record);
        assert_eq!(walk(&t.events(id).await), [Purchased]);
        t.finish().await;
    }

    async fn open_checkout_grants_nothing_and_is_checked_less_often(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        let first_hour = pass_time(&t, 720, 5 * SECOND).await;
        assert!((6..=8).contains(&first_hour), "{first_hour}");
        let first_day = pass_time(&t, 23, HOUR).await;
        assert!((3..=8).contains(&first_day), "{first_day}");
        t.payments.set_checkout_status(id, "expired");
        pass_time(&t, 20, HOUR).await;
        assert_eq!(pass_time(&t, 48, HOUR).await, 0, "the checks have stopped");
        assert_eq!(t.status(&me, id).await, PendingPayment);
        assert_eq!(t.payments.script.count("create_checkout"), 1);
        t.finish().await;
    }

    async fn unreported_subscription_change_is_found(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        set_subscription(&t, id, &json!({"status": "past_due"}));
        pass_time(&t, 1, MINUTE).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Active, PastDue));
        let next_end = "2026-04-13T12:03:21.456Z";
        set_subscription(&t, id, &json!({"current_period_end": next_end, "canceled_at": "2026-02-15T00:00:00Z"}));
        pass_time(&t, 1, HOUR).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.payment_status, record.current_period_end), (Paid, Timestamp::parse(next_end)));
        assert_eq!(record.canceled_at, Timestamp::parse("2026-02-15T00:00:00.000Z"));
        set_subscription(&t, id, &json!({}));
        pass_time(&t, 1, 9 * HOUR).await;
        assert_eq!(t.record(&me, id).await.canceled_at, None);
        set_subscription(&t, id, &json!({"status": "canceled", "ended_at": t.services.now()}));
        pass_time(&t, 1, 9 * HOUR).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Stopped, Canceled));
        assert!(t.workers.running().is_empty());
        assert_eq!(pass_time(&t, 24, HOUR).await, 0, "ended subscriptions are not checked");
        t.finish().await;
    }

    async fn disabled_webhooks_cause_checks_within_minutes(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (first, second, third) = (t.create_active(&me).await, t.create_active(&me).await, t.create_active(&me).await);
        let endpoint = |enabled| {
            let url = t.services.polar_webhook_url();
            t.payments.set_endpoints(vec![WebhookEndpoint { url, enabled }]);
        };
        let end = |id| set_subscription(&t, id, &json!({"status": "canceled", "ended_at": t.services.now()}));
        let minutes = async |count: u32| {
            let mut checks = 0;
            for _ in 0..count {
                t.services.check_endpoint_if_due().await.expect("the endpoint check should run");
                checks += pass_time(&t, 1, MINUTE).await;
            }
            checks
        };
        for id in [first, second, third] {
            set_subscription(&t, id, &json!({}));
        }
        endpoint(true);
        minutes(20).await;
        assert_eq!(minutes(60).await, 0, "webhooks arrive again");
        endpoint(false);
        end(first);
        minutes(12).await;
        assert_eq!(t.status(&me, first).await, Stopped);
        end(second);
        minutes(12).await;
        assert_eq!((t.status(&me, second).await, t.status(&me, third).await), (Stopped, Active));
        // The last webhook is lost just before the endpoint is enabled again.
        end(third);
        endpoint(true);
        minutes(12).await;
        assert_eq!(t.status(&me, third).await, Stopped);
        t.finish().await;
    }

    async fn unreported_refund_ends_subscription(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        set_subscription(&t, id, &json!({}));
        set_order(&t, id, "o1", &json!({"refunded_amount": 1499, "status": "partially_refunded"}));
        pass_time(&t, 1, MINUTE).await;
        assert_eq!(t.record(&me, id).await.payment_status, Paid);
        set_order(&t, id, "o1", &json!({"refunded_amount": 1500, "status": "refunded"}));
        pass_time(&t, 2, 9 * HOUR).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Stopped, Refunded));
        assert_eq!(t.payments.revoked(), [TestServices::subscription_id(id)]);
        pass_time(&t, 10, HOUR).await;
        assert_eq!(pass_time(&t, 24, HOUR).await, 0, "ended subscriptions are not checked");
        t.finish().await;
    }

    async fn unreported_payment_of_deleted_assistant_is_revoked(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        delete(&t, &me, id).await.unwrap();
        pass_time(&t, 3, MINUTE).await;
        assert!(t.payments.revoked().is_empty());
        pay_without_webhooks(&t, id);
        pass_time(&t, 3, HOUR).await;
        assert_eq!(t.payments.revoked(), [TestServices::subscription_id(id)]);
        pass_time(&t, 10, HOUR).await;
        assert_eq!(pass_time(&t, 24, HOUR).await, 0, "the revoked subscription is not checked");
        t.services.prune().await.unwrap();
        t.finish().await;
    }

    async fn checkout_with_lost_response_is_found_when_paid(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let lost = || PaymentError::Unavailable("no answer".into());
        t.payments.script.on("create_checkout", 1, reef_service::testing::Behavior::FailAfter(lost));
        t.services.purchase(&me, Ok(reef_domain::wire::ApiMode::Byok)).await.unwrap_err();
        let id = t.payments.checkouts()[0].assistant_id;
        pay_without_webhooks(&t, id);
        pass_time(&t, 1, MINUTE).await;
        assert_eq!(t.payments.revoked(), [TestServices::subscription_id(id)]);
        // A refused checkout does not exist.
        t.payments.script.fail("create_checkout", 1, || PaymentError::Refused { status: 422 });
        t.services.purchase(&me, Ok(reef_domain::wire::ApiMode::Byok)).await.unwrap_err();
        pass_time(&t, 12, HOUR).await;
        assert_eq!(pass_time(&t, 24, HOUR).await, 0);
        t.finish().await;
    }

    async fn second_subscription_is_found_and_flagged_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let callbacks = t.callbacks.received().len();
        set_subscription(&t, id, &json!({}));
        set_subscription(&t, id, &json!({"id": "sub_second"}));
        set_order(&t, id, "o2", &json!({"subscription_id": "sub_second"}));
        t.payments.script.fail("revoke_subscription", 3, || PaymentError::Unavailable("down".into()));
        let before = t.record(&me, id).await;
        pass_time(&t, 1, MINUTE).await;
        let open = async || t.db.store.read().await.unwrap().count_open_revocations().await.unwrap();
        assert_eq!(open().await, (1, Some(t.services.now())), "the open revocation is visible");
        pass_time(&t, 3, 9 * HOUR).await;
        assert_eq!(t.payments.revoked(), ["sub_second"]);
        assert_eq!(open().await, (0, None));
        let flags: Vec<_> =
            t.events(id).await.into_iter().filter(|event| event.kind == EventKind::PaymentFlagged).collect();
        let messages: Vec<_> = flags.iter().map(|event| event.status_message.clone().unwrap_or_default()).collect();
        assert!(messages.len() == 2 && messages[0].contains("paid for twice") && messages[1].contains("has ended"), "{messages:?}");
        assert_eq!(walk(&t.events(id).await).last(), Some(&Active), "the sequence has no gap");
        assert_eq!(t.record(&me, id).await, before);
        assert_eq!(t.callbacks.received().len(), callbacks, "only changes of the status have callbacks");
        // The second subscription is reported again, long after it has ended.
        let second = json!({"id": "sub_second", "status": "active", "metadata": {"assistant_id": id.to_string()}});
        t.receive_polar_webhook("subscription.active", second).await;
        pass_time(&t, 3, 9 * HOUR).await;
        assert_eq!((t.payments.revoked().len(), t.events(id).await.len()), (1, flags.len() + 3));
        t.finish().await;
    }

    async fn unreported_renewal_adds_credit_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid_with_plan(&me, reef_domain::wire::ApiMode::Managed).await;
        let credit = async || t.db.store.read().await.unwrap().find_credit(id).await.unwrap();
        // The webhook names the period and the list has the order, but they are one payment.
        t.receive_subscription_event(id, "subscription.active").await;
        pay_without_webhooks(&t, id);
        pass_time(&t, 2, MINUTE).await;
        let one = credit().await.unwrap();
        set_subscription(&t, id, &json!({"current_period_end": "2026-04-13T12:03:21.456Z"}));
        set_order(&t, id, "renewal", &json!({}));
        pass_time(&t, 5, 9 * HOUR).await;
        let two = credit().await.unwrap();
        assert_eq!(two.micros(), 2 * one.micros());
        t.finish().await;
    }

    async fn older_webhook_does_not_undo_check(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let webhook = |at: Timestamp, change: Value| {
            let mut data = json!({"id": TestServices::subscription_id(id), "status": "active", "modified_at": at,
                "canceled_at": null, "metadata": {"assistant_id": id.to_string()}});
            for (key, value) in change.as_object().unwrap() {
                data[key] = value.clone();
            }
            data
        };
        let old = t.services.now();
        t.clock.advance(HOUR);
        set_subscription(&t, id, &json!({"canceled_at": "2026-02-15T00:00:00Z"}));
        pass_time(&t, 1, MINUTE).await;
        let now = t.record(&me, id).await;
        assert!(now.canceled_at.is_some());
        t.receive_polar_webhook("subscription.past_due", webhook(old, json!({"status": "past_due"}))).await;
        t.receive_polar_webhook("subscription.uncanceled", webhook(old, json!({}))).await;
        t.run_jobs().await;
        assert_eq!(t.record(&me, id).await, now);
        // A newer webhook counts, and one without a time causes a check.
        t.receive_polar_webhook("subscription.past_due", webhook(t.services.now(), json!({"status": "past_due"}))).await;
        t.run_jobs().await;
        assert_eq!(t.record(&me, id).await.payment_status, PastDue);
        set_subscription(&t, id, &json!({"canceled_at": "2026-02-15T00:00:00Z"}));
        pass_time(&t, 1, MINUTE).await;
        assert_eq!(t.record(&me, id).await.payment_status, Paid);
        t.receive_polar_webhook("subscription.past_due", webhook(old, json!({"status": "past_due", "modified_at": null}))).await;
        t.run_jobs().await;
        assert_eq!(t.record(&me, id).await.payment_status, PastDue);
        pass_time(&t, 1, MINUTE).await;
        assert_eq!(t.record(&me, id).await.payment_status, Paid);
        t.finish().await;
    }

    async fn polar_failure_changes_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, unpaid) = (t.create_active(&me).await, t.create_unpaid(&me).await);
        let before = t.record(&me, id).await;
        // Polar does not know the subscription. A wrong token must not stop anybody's assistant.
        pass_time(&t, 2, 9 * HOUR).await;
        t.payments.script.fail("subscription", 3, || PaymentError::Refused { status: 401 });
        t.payments.script.fail("checkout", 3, || PaymentError::Unavailable("down".into()));
        pass_time(&t, 6, 9 * HOUR).await;
        assert_eq!(t.record(&me, id).await, before);
        pay_without_webhooks(&t, unpaid);
        pass_time(&t, 2, 9 * HOUR).await;
        assert_eq!(t.status(&me, unpaid).await, Purchased);
        t.finish().await;
    }

    async fn polar_rate_limit_is_respected(db: TestStore) {
        let t = TestServices::new(db);
        let users = [t.create_user().await, t.create_user().await, t.create_user().await];
        for me in &users {
            for _ in 0..10 {
                t.create_unpaid(me).await;
            }
        }
        t.clock.advance(MINUTE);
        let burst = t.services.reconcile_due().await.unwrap();
        assert!((1..=11).contains(&burst), "{burst}");
        assert_eq!(t.services.reconcile_due().await.unwrap(), 0);
        let minute = pass_time(&t, 60, SECOND).await;
        assert!((15..=21).contains(&minute), "{minute}");
        let rate_limited = || PaymentError::RateLimited { retry_after: Some(Duration::from_secs(120)) };
        t.payments.script.fail("checkout", 1, rate_limited);
        t.clock.advance(HOUR);
        assert_eq!(t.services.reconcile_due().await.unwrap(), 1);
        assert_eq!(pass_time(&t, 11, 10 * SECOND).await, 0, "no checks for two minutes");
        assert!(pass_time(&t, 3, 10 * SECOND).await > 0);
        t.finish().await;
    }

    async fn concurrent_processes_check_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        t.create_unpaid(&me).await;
        t.clock.advance(MINUTE);
        let gate = t.payments.script.hold("checkout");
        let first = t.services.clone();
        let first = tokio::spawn(async move { first.reconcile_due().await });
        gate.reached().await;
        assert_eq!(t.services.reconcile_due().await.unwrap(), 0);
        gate.open();
        assert_eq!(first.await.unwrap().unwrap(), 1);
        // Another process continues after one that died during a check.
        t.clock.advance(HOUR);
        let _gate = t.payments.script.hold("checkout");
        let dying = t.services.clone();
        let dying = tokio::spawn(async move { dying.reconcile_due().await });
        _gate.reached().await;
        dying.abort();
        assert_eq!(pass_time(&t, 1, 30 * SECOND).await, 0);
        assert_eq!(pass_time(&t, 1, 31 * SECOND).await, 1);
        t.finish().await;
    }

    async fn return_from_checkout_expedites_check_a_few_times(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        // The last check was minutes ago, and the next one is minutes away.
        pass_time(&t, 80, 10 * SECOND).await;
        pay_without_webhooks(&t, id);
        assert_eq!(pass_time(&t, 3, SECOND).await, 0);
        t.services.get_details(&me, &id.to_string()).await.unwrap();
        assert_eq!(t.status(&me, id).await, PendingPayment, "viewing the page grants nothing");
        pass_time(&t, 1, 3 * SECOND).await;
        assert_eq!(t.status(&me, id).await, Purchased);
        let other = t.create_unpaid(&me).await;
        pass_time(&t, 80, 10 * SECOND).await;
        let mut checks = 0;
        for _ in 0..20 {
            t.services.get_details(&me, &other.to_string()).await.unwrap();
            checks += pass_time(&t, 1, 3 * SECOND).await;
        }
        assert!((2..=3).contains(&checks), "fewer checks than views of the page: {checks}");
        for _ in 0..20 {
            t.services.get_details(&me, &other.to_string()).await.unwrap();
            checks += pass_time(&t, 1, 31 * SECOND).await;
        }
        assert!((5..=8).contains(&checks), "{checks}");
        t.finish().await;
    }
}
