//! The facts of checkouts, subscriptions and orders, read from Polar's JSON in webhooks and API answers.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The status of a subscription, reduced to what Reef distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionStatus {
    /// The subscription is paid, or on trial.
    Active,
    /// A renewal failed, and Polar retries the payment.
    PastDue,
    /// The subscription is paused, and nothing is charged until it is resumed.
    Paused,
    /// It has ended. Polar can reinstate it, after which it is active again with a later time.
    Ended,
    /// A status that neither grants nor ends access: not paid yet, or unknown.
    Other,
}

/// A subscription as Polar reports it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Subscription")]
pub struct SubscriptionFacts {
    /// The subscription's id at Polar.
    pub id: String,
    /// The assistant's id in the metadata.
    pub assistant_id: Option<AssistantId>,
    /// The status, with an end that is set taking precedence.
    pub status: SubscriptionStatus,
    /// The end of the billing period.
    pub current_period_end: Option<Timestamp>,
    /// When the customer canceled; the subscription then ends with its period.
    pub canceled_at: Option<Timestamp>,
    /// Polar's time of this state: the last change, else the creation.
    pub as_of: Option<Timestamp>,
}

/// An order as Polar reports it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Order")]
pub struct OrderFacts {
    /// The order's id at Polar, if the answer has one.
    pub id: Option<String>,
    /// The assistant's id in the metadata of the order or of its subscription.
    pub assistant_id: Option<AssistantId>,
    /// The subscription that the order belongs to.
    pub subscription_id: Option<String>,
    /// Whether the order is paid.
    pub is_paid: bool,
    /// Whether it pays for a billing period, and not for a change within a period or metered usage.
    pub is_for_a_period: bool,
    /// Whether the whole amount was refunded.
    pub is_refunded_in_full: bool,
    /// The end of its subscription's billing period, if the order carries the subscription.
    pub current_period_end: Option<Timestamp>,
    /// Polar's time of this state: the last change, else the creation.
    pub as_of: Option<Timestamp>,
}

/// The status of a checkout, reduced to what Reef distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutStatus {
    /// The checkout can be paid.
    Open,
    /// The checkout is paid or being paid.
    Paying,
    /// The checkout has expired or failed.
    Closed,
}

/// A checkout as Polar reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Checkout")]
pub struct CheckoutFacts {
    /// The status of the checkout.
    pub status: CheckoutStatus,
}

#[derive(Deserialize)]
struct Checkout {
    status: String,
}

#[derive(Deserialize)]
struct Subscription {
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
struct Order {
    id: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    paid: bool,
    billing_reason: Option<String>,
    #[serde(default)]
    metadata: Value,
    subscription_id: Option<String>,
    subscription: Option<Subscription>,
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

impl From<Subscription> for SubscriptionFacts {
    fn from(s: Subscription) -> Self {
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

impl From<Order> for OrderFacts {
    fn from(o: Order) -> Self {
        let subscription = o.subscription.map(SubscriptionFacts::from);
        let refunded = o.refunded_amount + o.refunded_tax_amount;
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

impl From<Checkout> for CheckoutFacts {
    fn from(checkout: Checkout) -> Self {
        let status = match checkout.status.as_str() {
            "open" => CheckoutStatus::Open,
            "expired" | "failed" => CheckoutStatus::Closed,
            _ => CheckoutStatus::Paying,
        };
        Self { status }
    }
}
