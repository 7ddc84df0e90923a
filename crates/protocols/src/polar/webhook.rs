//! Parses the bodies of Polar's webhooks, limited to the fields that Reef acts on.

use reef_ports::{OrderFacts, PaymentEvent, SubscriptionFacts};
use serde::Deserialize;
use serde_json::Value;

use super::objects::{OrderBody, SubscriptionBody};

/// A webhook's body is not JSON, or lacks a field that every event of its type has.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct InvalidWebhook(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

/// Parses the body of a webhook. A type that Reef does not act on is [`PaymentEvent::Ignored`], whatever its data.
///
/// # Errors
/// [`InvalidWebhook`] if the body cannot be read.
pub fn parse_webhook(body: &str) -> Result<PaymentEvent, InvalidWebhook> {
    let Envelope { kind, data } = serde_json::from_str(body)?;
    Ok(match kind.as_str() {
        "order.paid" => PaymentEvent::OrderPaid(order(data)?),
        "order.refunded" => PaymentEvent::OrderRefunded(order(data)?),
        "subscription.active" => PaymentEvent::SubscriptionActive(subscription(data)?),
        "subscription.canceled" => PaymentEvent::SubscriptionCanceled(subscription(data)?),
        "subscription.uncanceled" => PaymentEvent::SubscriptionUncanceled(subscription(data)?),
        "subscription.past_due" => PaymentEvent::SubscriptionPastDue(subscription(data)?),
        "subscription.revoked" => PaymentEvent::SubscriptionRevoked(subscription(data)?),
        "subscription.paused" => PaymentEvent::SubscriptionPaused(subscription(data)?),
        "subscription.resumed" => PaymentEvent::SubscriptionResumed(subscription(data)?),
        "subscription.updated" => {
            subscription(data).map_or(PaymentEvent::Ignored, PaymentEvent::SubscriptionUpdated)
        }
        // A type that Reef does not act on may have any shape.
        other if other.starts_with("subscription.") => {
            subscription(data).map_or(PaymentEvent::Ignored, PaymentEvent::SubscriptionHint)
        }
        _ => PaymentEvent::Ignored,
    })
}

fn order(data: Value) -> Result<OrderFacts, serde_json::Error> {
    serde_json::from_value::<OrderBody>(data).map(OrderFacts::from)
}

fn subscription(data: Value) -> Result<SubscriptionFacts, serde_json::Error> {
    serde_json::from_value::<SubscriptionBody>(data).map(SubscriptionFacts::from)
}
