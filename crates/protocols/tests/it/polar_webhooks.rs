//! Polar's webhooks as events.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_ports::{OrderFacts, PaymentEvent, SubscriptionStatus};
use reef_protocols::polar::parse_webhook;
use serde_json::{Value, json};

const ASSISTANT: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

fn parse(kind: &str, data: Value) -> Option<PaymentEvent> {
    parse_webhook(&json!({"type": kind, "timestamp": "2026-01-01T00:00:00Z", "data": data}).to_string()).ok()
}

fn parse_order(kind: &str, data: Value) -> OrderFacts {
    match parse(kind, data) {
        Some(PaymentEvent::OrderPaid(order) | PaymentEvent::OrderRefunded(order)) => order,
        other => panic!("{other:?}"),
    }
}

#[test]
fn webhook_types_become_events() {
    let subscription = json!({"id": "s", "status": "active", "metadata": {"assistant_id": ASSISTANT}});
    for kind in [
        "order.paid",
        "order.refunded",
        "subscription.active",
        "subscription.canceled",
        "subscription.uncanceled",
        "subscription.past_due",
        "subscription.revoked",
        "subscription.paused",
        "subscription.resumed",
        "subscription.updated",
    ] {
        let event = parse(kind, subscription.clone()).unwrap();
        assert_eq!((event.type_name(), event.subject().0), (kind, AssistantId::parse(ASSISTANT)));
    }
    let hint = parse("subscription.cycled", subscription).unwrap();
    assert!(matches!(hint, PaymentEvent::SubscriptionHint(_)), "{hint:?}");
    // A type that Reef does not act on may have any shape, the others may not.
    for kind in ["customer.created", "subscription.cycled", "subscription.updated"] {
        assert_eq!(parse(kind, json!([7])), Some(PaymentEvent::Ignored), "{kind}");
    }
    for kind in ["order.paid", "subscription.active"] {
        assert_eq!(parse(kind, json!([7])), None, "{kind}");
    }
    for body in ["", "[]", "{}", r#"{"type":"order.paid"}"#, r#"{"type":7,"data":{}}"#] {
        assert!(parse_webhook(body).is_err(), "{body}");
    }
}

#[test]
fn order_takes_missing_fields_from_its_subscription() {
    let end = "2026-03-01T12:00:00Z";
    let subscription = json!({"id": "s", "metadata": {"assistant_id": ASSISTANT}, "current_period_end": end});
    let order = parse_order("order.paid", json!({"id": "o", "paid": true, "subscription": subscription}));
    assert_eq!(order.assistant_id, AssistantId::parse(ASSISTANT));
    assert_eq!(order.subscription_id.as_deref(), Some("s"));
    assert_eq!(order.current_period_end, Timestamp::parse("2026-03-01T12:00:00.000Z"));
    assert!(order.is_paid && order.is_for_a_period);
    let update = parse_order("order.paid", json!({"billing_reason": "subscription_update"}));
    assert!(!update.is_for_a_period && !update.is_paid);
}

#[test]
fn refund_is_full_if_it_covers_total_with_tax() {
    for (total, net, tax, expected) in [
        (1_900, 1_900, 0, true),
        (1_900, 1_600, 300, true),
        (1_900, 1_600, 0, false),
        (0, 0, 0, false),
        (1_900, i64::MAX, i64::MAX, true),
    ] {
        let data = json!({"total_amount": total, "refunded_amount": net, "refunded_tax_amount": tax});
        assert_eq!(
            parse_order("order.refunded", data).is_refunded_in_full,
            expected,
            "{net} + {tax} of {total}"
        );
    }
}

#[test]
fn end_of_subscription_takes_precedence_over_status() {
    for (status, ended_at, expected) in [
        ("active", Value::Null, SubscriptionStatus::Active),
        ("trialing", Value::Null, SubscriptionStatus::Active),
        ("past_due", Value::Null, SubscriptionStatus::PastDue),
        ("paused", Value::Null, SubscriptionStatus::Paused),
        ("unpaid", Value::Null, SubscriptionStatus::Ended),
        ("incomplete", Value::Null, SubscriptionStatus::Other),
        ("active", json!("2026-03-01T12:00:00Z"), SubscriptionStatus::Ended),
    ] {
        let event = parse("subscription.updated", json!({"id": "s", "status": status, "ended_at": ended_at}));
        assert_eq!(event.unwrap().subscription().map(|s| s.status), Some(expected), "{status} {ended_at}");
    }
}
