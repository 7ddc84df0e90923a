//! What is true of a checkout, a subscription and an order: as webhooks carry it, and as Polar answers when asked.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Paid, or on trial.
    Active,
    /// A renewal's payment has failed and is tried again.
    PastDue,
    /// Nothing is charged until it is resumed.
    Paused,
    /// It has ended. Polar can reinstate it: then it is active again, at a later time.
    Ended,
    /// Anything that neither entitles nor ends: not paid yet, or a word that is new.
    Other,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Subscription")]
pub struct SubscriptionFacts {
    /// Polar's id.
    pub id: String,
    /// The slot in its metadata.
    pub slot: Option<AssistantId>,
    /// Where it stands.
    pub standing: Standing,
    /// End of the period.
    pub current_period_end: Option<Timestamp>,
    /// When the customer canceled.
    pub canceled_at: Option<Timestamp>,
    /// Polar's time of this state: when it was last changed, or made.
    pub as_of: Option<Timestamp>,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Order")]
pub struct OrderFacts {
    /// Polar's id.
    pub id: Option<String>,
    /// The slot in its metadata, or its subscription's.
    pub slot: Option<AssistantId>,
    /// The subscription it belongs to.
    pub subscription_id: Option<String>,
    /// Whether it is paid.
    pub is_paid: bool,
    /// Whether it pays for a period: not one for a change within a period, or for metered use.
    pub is_for_a_period: bool,
    /// Whether all of the money went back.
    pub is_refunded_in_full: bool,
    /// End of its subscription's period, when the order carries it.
    pub current_period_end: Option<Timestamp>,
    /// Polar's time of this state: when it was last changed, or made.
    pub as_of: Option<Timestamp>,
}

/// Where a checkout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutStanding {
    /// It can be paid.
    Open,
    /// Somebody pays, or has paid.
    Used,
    /// It has expired or failed.
    Closed,
}

/// A checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Checkout")]
pub struct CheckoutFacts {
    /// Where it stands.
    pub standing: CheckoutStanding,
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

/// One that cannot be read is absent: money that has come counts without it.
fn moment(text: Option<&String>) -> Option<Timestamp> {
    OffsetDateTime::parse(text?, &Rfc3339).ok().map(Timestamp::from)
}

fn slot(metadata: &Value) -> Option<AssistantId> {
    AssistantId::parse(metadata.get("assistant_id")?.as_str()?)
}

impl From<Subscription> for SubscriptionFacts {
    fn from(s: Subscription) -> Self {
        // Polar's texts disagree on the status after the last failed payment; the end itself is sure.
        let standing = match s.status.as_str() {
            _ if s.ended_at.is_some() => Standing::Ended,
            "canceled" | "unpaid" | "incomplete_expired" => Standing::Ended,
            "active" | "trialing" => Standing::Active,
            "past_due" => Standing::PastDue,
            "paused" => Standing::Paused,
            _ => Standing::Other,
        };
        Self {
            slot: slot(&s.metadata),
            standing,
            current_period_end: moment(s.current_period_end.as_ref()),
            canceled_at: moment(s.canceled_at.as_ref()),
            as_of: moment(s.modified_at.as_ref()).or_else(|| moment(s.created_at.as_ref())),
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
            slot: slot(&o.metadata).or_else(|| subscription.as_ref()?.slot),
            subscription_id: o.subscription_id.or_else(|| Some(subscription.as_ref()?.id.clone())),
            is_paid: o.paid || matches!(o.status.as_str(), "paid"),
            is_for_a_period: !matches!(
                o.billing_reason.as_deref(),
                Some("subscription_update" | "subscription_meter_cycle")
            ),
            is_refunded_in_full: o.status == "refunded" || (o.total_amount > 0 && refunded >= o.total_amount),
            current_period_end: subscription.and_then(|s| s.current_period_end),
            as_of: moment(o.modified_at.as_ref()).or_else(|| moment(o.created_at.as_ref())),
        }
    }
}

impl From<Checkout> for CheckoutFacts {
    fn from(checkout: Checkout) -> Self {
        let standing = match checkout.status.as_str() {
            "open" => CheckoutStanding::Open,
            "expired" | "failed" => CheckoutStanding::Closed,
            _ => CheckoutStanding::Used,
        };
        Self { standing }
    }
}
