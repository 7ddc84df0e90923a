//! What Polar's webhooks say, as far as Reef acts on it.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use serde::Deserialize;
use serde_json::Value;

use super::facts::{OrderFacts, Standing, SubscriptionFacts};

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
    /// Something else about a subscription: a reason to ask, and no more.
    Hint(SubscriptionFacts),
    /// Not a webhook: the subscription as Polar has it when asked.
    State(SubscriptionFacts),
    /// Anything else.
    Other,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

impl Event {
    /// Reads a webhook's body. A type that Reef does not act on is [`Event::Other`], whatever its data.
    pub(super) fn parse(body: &str) -> Result<Self, serde_json::Error> {
        let Envelope { kind, data } = serde_json::from_str(body)?;
        let order = serde_json::from_value::<OrderFacts>;
        let subscription = serde_json::from_value::<SubscriptionFacts>;
        Ok(match kind.as_str() {
            "order.paid" => Self::OrderPaid(order(data)?),
            "order.refunded" => Self::OrderRefunded(order(data)?),
            "subscription.active" => Self::Active(subscription(data)?),
            "subscription.canceled" => Self::Canceled(subscription(data)?),
            "subscription.uncanceled" => Self::Uncanceled(subscription(data)?),
            "subscription.past_due" => Self::PastDue(subscription(data)?),
            "subscription.revoked" => Self::Revoked(subscription(data)?),
            // What Reef does not act on need not be readable either.
            other if other.starts_with("subscription.") => subscription(data).map_or(Self::Other, Self::Hint),
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
            Self::Hint(_) => "subscription.updated",
            Self::State(_) => "state",
            Self::Other => "other",
        }
    }

    /// The period an event that grants has paid: the order that paid for it, and its end, as far as it says. `None` when
    /// it is about no period.
    pub(super) fn period(&self) -> Option<(Option<&str>, Option<Timestamp>)> {
        match self {
            Self::OrderPaid(order) if order.is_for_a_period => {
                Some((order.id.as_deref(), order.current_period_end))
            }
            Self::Active(subscription) => Some((None, subscription.current_period_end)),
            _ => None,
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
            | Self::Revoked(s)
            | Self::Hint(s)
            | Self::State(s) => (s.slot, Some(&s.id)),
            Self::Other => (None, None),
        }
    }

    /// Polar's time of the state of the subscription that the event carries.
    pub(super) const fn as_of(&self) -> Option<Timestamp> {
        match self {
            Self::Active(s)
            | Self::Canceled(s)
            | Self::Uncanceled(s)
            | Self::PastDue(s)
            | Self::Revoked(s)
            | Self::State(s) => s.as_of,
            Self::OrderPaid(_) | Self::OrderRefunded(_) | Self::Hint(_) | Self::Other => None,
        }
    }

    /// Whether the event, by itself, entitles.
    pub(super) fn grants(&self) -> bool {
        match self {
            Self::OrderPaid(order) => order.is_paid,
            Self::Active(s) => s.standing == Standing::Active,
            // What is past due was paid once.
            Self::State(s) => matches!(s.standing, Standing::Active | Standing::PastDue),
            _ => false,
        }
    }
}
