//! What Polar's webhooks say, as far as Reef acts on it.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A subscription, as events carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SubscriptionFacts {
    /// Polar's id.
    pub id: String,
    /// The slot in its metadata.
    pub slot: Option<AssistantId>,
    /// `active` or `trialing`.
    pub is_active: bool,
    /// End of the period.
    pub current_period_end: Option<Timestamp>,
    /// When the customer canceled.
    pub canceled_at: Option<Timestamp>,
}

/// An order, as events carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OrderFacts {
    /// Polar's id.
    pub id: Option<String>,
    /// The slot in its metadata, or its subscription's.
    pub slot: Option<AssistantId>,
    /// The subscription it belongs to.
    pub subscription_id: Option<String>,
    /// Whether it is paid.
    pub is_paid: bool,
    /// Whether all of the money went back.
    pub is_refunded_in_full: bool,
    /// End of its subscription's period, when the event carries it.
    pub current_period_end: Option<Timestamp>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// `order.paid`.
    OrderPaid(OrderFacts),
    /// `order.refunded`.
    OrderRefunded(OrderFacts),
    /// `subscription.active`.
    Active(SubscriptionFacts),
    /// `subscription.canceled`: at the period's end, or at once.
    Canceled(SubscriptionFacts),
    /// `subscription.uncanceled`.
    Uncanceled(SubscriptionFacts),
    /// `subscription.past_due`.
    PastDue(SubscriptionFacts),
    /// `subscription.revoked`: over now.
    Revoked(SubscriptionFacts),
    /// Anything else.
    Other,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
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
}

#[derive(Deserialize)]
struct Order {
    id: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    paid: bool,
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
}

fn moment(text: Option<&String>) -> Option<Timestamp> {
    OffsetDateTime::parse(text?, &Rfc3339).ok().map(Timestamp::from)
}

fn slot(metadata: &Value) -> Option<AssistantId> {
    AssistantId::parse(metadata.get("assistant_id")?.as_str()?)
}

impl From<Subscription> for SubscriptionFacts {
    fn from(s: Subscription) -> Self {
        Self {
            slot: slot(&s.metadata),
            is_active: matches!(s.status.as_str(), "active" | "trialing"),
            current_period_end: moment(s.current_period_end.as_ref()),
            canceled_at: moment(s.canceled_at.as_ref()),
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
            is_refunded_in_full: o.status == "refunded" || (o.total_amount > 0 && refunded >= o.total_amount),
            current_period_end: subscription.and_then(|s| s.current_period_end),
        }
    }
}

impl Event {
    /// Reads a webhook's body. A type that Reef does not act on is [`Event::Other`], whatever its data.
    pub(super) fn parse(body: &str) -> Result<Self, serde_json::Error> {
        let Envelope { kind, data } = serde_json::from_str(body)?;
        let order = |data| serde_json::from_value::<Order>(data).map(OrderFacts::from);
        let subscription = |data| serde_json::from_value::<Subscription>(data).map(SubscriptionFacts::from);
        Ok(match kind.as_str() {
            "order.paid" => Self::OrderPaid(order(data)?),
            "order.refunded" => Self::OrderRefunded(order(data)?),
            "subscription.active" => Self::Active(subscription(data)?),
            "subscription.canceled" => Self::Canceled(subscription(data)?),
            "subscription.uncanceled" => Self::Uncanceled(subscription(data)?),
            "subscription.past_due" => Self::PastDue(subscription(data)?),
            "subscription.revoked" => Self::Revoked(subscription(data)?),
            _ => Self::Other,
        })
    }

    /// For logs.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::OrderPaid(_) => "order.paid",
            Self::OrderRefunded(_) => "order.refunded",
            Self::Active(_) => "subscription.active",
            Self::Canceled(_) => "subscription.canceled",
            Self::Uncanceled(_) => "subscription.uncanceled",
            Self::PastDue(_) => "subscription.past_due",
            Self::Revoked(_) => "subscription.revoked",
            Self::Other => "other",
        }
    }

    /// The period an event that grants is about: the order that paid for it, and its end, as far as it says.
    pub(super) fn period(&self) -> (Option<&str>, Option<Timestamp>) {
        match self {
            Self::OrderPaid(order) => (order.id.as_deref(), order.current_period_end),
            Self::Active(subscription) => (None, subscription.current_period_end),
            _ => (None, None),
        }
    }

    /// The slot the event names, and the subscription it is about.
    pub(super) fn about(&self) -> (Option<AssistantId>, Option<&str>) {
        match self {
            Self::OrderPaid(order) | Self::OrderRefunded(order) => {
                (order.slot, order.subscription_id.as_deref())
            }
            Self::Active(s)
            | Self::Canceled(s)
            | Self::Uncanceled(s)
            | Self::PastDue(s)
            | Self::Revoked(s) => (s.slot, Some(&s.id)),
            Self::Other => (None, None),
        }
    }
}
