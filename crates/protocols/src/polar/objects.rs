//! Checkouts, subscriptions and orders, as webhooks and responses contain them.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_ports::{CheckoutFacts, CheckoutStatus, OrderFacts, SubscriptionFacts, SubscriptionStatus};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Deserialize)]
pub(super) struct CheckoutBody {
    status: String,
}

#[derive(Deserialize)]
pub(super) struct SubscriptionBody {
    id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    metadata: Value,
    current_period_end: Option<String>,
    canceled_at: Option<String>,
    ended_at: Option<String>,
    modified_at: Option<String>,
    created_at: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct OrderBody {
    id: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    paid: bool,
    billing_reason: Option<String>,
    #[serde(default)]
    metadata: Value,
    subscription_id: Option<String>,
    subscription: Option<SubscriptionBody>,
    #[serde(default)]
    total_amount: i64,
    #[serde(default)]
    refunded_amount: i64,
    #[serde(default)]
    refunded_tax_amount: i64,
    modified_at: Option<String>,
    created_at: Option<String>,
}

/// An unreadable time is treated as absent, because a payment counts without it.
fn parse_time(text: Option<&String>) -> Option<Timestamp> {
    OffsetDateTime::parse(text?, &Rfc3339).ok().map(Timestamp::from)
}

fn assistant_in_metadata(metadata: &Value) -> Option<AssistantId> {
    AssistantId::parse(metadata.get("assistant_id")?.as_str()?)
}

impl From<SubscriptionBody> for SubscriptionFacts {
    fn from(s: SubscriptionBody) -> Self {
        // Polar's documentation disagrees on the status after the last failed payment, but `ended_at` is always set.
        let status = match s.status.as_str() {
            _ if s.ended_at.is_some() => SubscriptionStatus::Ended,
            "canceled" | "unpaid" | "incomplete_expired" => SubscriptionStatus::Ended,
            "active" | "trialing" => SubscriptionStatus::Active,
            "past_due" => SubscriptionStatus::PastDue,
            "paused" => SubscriptionStatus::Paused,
            _ => SubscriptionStatus::Other,
        };
        Self {
            assistant_id: assistant_in_metadata(&s.metadata),
            status,
            current_period_end: parse_time(s.current_period_end.as_ref()),
            canceled_at: parse_time(s.canceled_at.as_ref()),
            as_of: parse_time(s.modified_at.as_ref()).or_else(|| parse_time(s.created_at.as_ref())),
            id: s.id,
        }
    }
}

impl From<OrderBody> for OrderFacts {
    fn from(o: OrderBody) -> Self {
        let subscription = o.subscription.map(SubscriptionFacts::from);
        let refunded = o.refunded_amount.saturating_add(o.refunded_tax_amount);
        Self {
            id: o.id,
            assistant_id: assistant_in_metadata(&o.metadata).or_else(|| subscription.as_ref()?.assistant_id),
            subscription_id: o.subscription_id.or_else(|| Some(subscription.as_ref()?.id.clone())),
            is_paid: o.paid || matches!(o.status.as_str(), "paid"),
            is_for_a_period: !matches!(
                o.billing_reason.as_deref(),
                Some("subscription_update" | "subscription_meter_cycle")
            ),
            is_refunded_in_full: o.status == "refunded" || (o.total_amount > 0 && refunded >= o.total_amount),
            current_period_end: subscription.and_then(|s| s.current_period_end),
            as_of: parse_time(o.modified_at.as_ref()).or_else(|| parse_time(o.created_at.as_ref())),
        }
    }
}

impl From<CheckoutBody> for CheckoutFacts {
    fn from(checkout: CheckoutBody) -> Self {
        let status = match checkout.status.as_str() {
            "open" => CheckoutStatus::Open,
            "expired" | "failed" => CheckoutStatus::Closed,
            _ => CheckoutStatus::Paying,
        };
        Self { status }
    }
}
