//! A month on the injected clock: what expires, renews, is retried and is pruned.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_domain::wire::DeliveryState;
use reef_domain::wire::PaymentStatus::{Canceled, Paid, PastDue};
use reef_domain::wire::Status::{Active, PendingPayment, Stopped};
use reef_service::Error;
use reef_service::api_keys::NewApiKey;
use reef_service::testing::{START, TestServices};
use reef_store::{SessionRow, on_both_databases};
use serde_json::{Value, json};

use crate::support::{HOUR, MINUTE, redeploy, stop};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Sets a subscription in Polar's form; its webhooks are lost.
fn set_subscription(t: &TestServices, id: AssistantId, status: &str, until: Timestamp, ended_at: &Value) {
    t.payments.set_subscription(json!({"id": TestServices::subscription_id(id), "status": status,
        "current_period_end": until, "modified_at": t.services.now(), "canceled_at": ended_at, "ended_at": ended_at,
        "metadata": {"assistant_id": id.to_string()}}));
}

/// Runs everything that a process does on its own, in steps, until `until`.
async fn live(t: &TestServices, until: Timestamp, step: Duration) {
    while t.services.now() < until {
        t.advance_and_run(step).await;
        t.services.reconcile_due().await.expect("the checks should run");
        t.services.fail_overdue_deployments().await.expect("maintenance should run");
        t.services.fail_missing_workers().await.expect("maintenance should run");
        t.services.prune().await.expect("pruning should succeed");
        t.run_jobs().await;
    }
}

on_both_databases! {
    async fn month_of_one_customer_ends_consistently(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let period_end = START.plus(30 * DAY);
        set_subscription(&t, id, "active", period_end, &Value::Null);
        let unpaid = t.create_unpaid(&me).await;
        let new = NewApiKey { name: "two days".into(), read: true, write: true, expires_in: Some(2 * DAY), ..NewApiKey::default() };
        let (_, key) = t.services.create_api_key(&me, &new).await.unwrap();
        let session = SessionRow { id: "hash".into(), user_id: Some(me.user_id), data: "{}".into(), ip_address: None,
            user_agent: None, created_at: START, expires_at: START.plus(14 * DAY),
            last_used_at: None };
        let mut tx = t.db.store.begin().await.unwrap();
        assert!(tx.insert_session(&session).await.unwrap());
        tx.commit().await.unwrap();
        let claim = async || {
            let now = t.services.now();
            let mut tx = t.db.store.begin().await.unwrap();
            let earlier = tx.claim_idempotency_key(me.user_id, "k", b"f", now, now.plus(HOUR), now.minus(DAY)).await.unwrap();
            if earlier.is_none() {
                tx.save_outcome(me.user_id, "k", b"f", "{}", false).await.unwrap();
            }
            tx.commit().await.unwrap();
            earlier.is_none()
        };
        let has_session = async || t.db.store.read().await.unwrap().find_session("hash", t.services.now()).await.unwrap().is_some();
        let deliveries = async || t.db.store.read().await.unwrap().list_deliveries(id, 100).await.unwrap();
        assert!(claim().await && !claim().await);

        // The customer's server is down for all ten attempts of the next three deliveries.
        t.callbacks.respond_with([500; 30]);
        stop(&t, &me, id).await.unwrap();
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Active);
        live(&t, START.plus(HOUR), 10 * MINUTE).await;
        assert_eq!(t.services.list_assistants(&me).await.unwrap().len(), 2, "an unpaid assistant is listed for exactly an hour");
        live(&t, START.plus(HOUR + MINUTE), MINUTE).await;
        assert_eq!(t.services.list_assistants(&me).await.unwrap().len(), 1);
        live(&t, START.plus(DAY - HOUR), HOUR).await;
        assert!(!claim().await);
        t.payments.set_checkout_status(unpaid, "expired");
        live(&t, START.plus(DAY + HOUR), HOUR).await;
        assert!(claim().await, "the response is replayed for a day");
        assert!(t.services.authenticate(&key).await.is_ok());
        live(&t, START.plus(2 * DAY + HOUR), HOUR).await;
        assert!(matches!(t.services.authenticate(&key).await, Err(Error::Unauthorized)));
        live(&t, START.plus(4 * DAY), HOUR).await;
        let (failed, all) = (DeliveryState::Failed, deliveries().await);
        let given_up: Vec<_> = all.iter().filter(|delivery| delivery.state == failed).map(|d| d.attempts).collect();
        assert_eq!(given_up, [10, 10, 10], "the whole schedule, for each of three: {all:?}");
        assert_eq!(t.count_jobs().await, (0, 0));

        assert!(has_session().await);
        live(&t, START.plus(15 * DAY), 6 * HOUR).await;
        assert!(!has_session().await);
        assert_eq!(t.status(&me, unpaid).await, PendingPayment);
        let checks_before = t.payments.script.count("checkout");

        // The subscription renews half an hour after its end, without a webhook.
        live(&t, period_end.plus(HOUR / 2), 6 * HOUR).await;
        set_subscription(&t, id, "active", period_end.plus(30 * DAY), &Value::Null);
        live(&t, period_end.plus(DAY), HOUR).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.payment_status, record.current_period_end), (Paid, Some(period_end.plus(30 * DAY))));
        set_subscription(&t, id, "past_due", period_end.plus(30 * DAY), &Value::Null);
        live(&t, period_end.plus(2 * DAY), HOUR).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Active, PastDue));
        set_subscription(&t, id, "canceled", period_end.plus(30 * DAY), &json!(t.services.now()));
        live(&t, period_end.plus(3 * DAY), HOUR).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Stopped, Canceled));
        assert!(t.workers.running().is_empty());
        assert_eq!(t.payments.script.count("checkout"), checks_before, "the unpaid assistant is no longer checked");

        // Deliveries that ended a month ago are pruned, newer ones are not.
        live(&t, START.plus(36 * DAY), 6 * HOUR).await;
        let kept: Vec<_> = deliveries().await.iter().map(|delivery| delivery.created_at).collect();
        assert!(kept.iter().all(|at| *at > START.plus(4 * DAY)) && !kept.is_empty(), "{kept:?}");
        t.finish().await;
    }
}
