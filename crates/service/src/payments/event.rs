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
    /// `subscription.revoked`: access is lost. Whether it has ended is for the subscription's own status to say.
    Revoked(SubscriptionFacts),
    /// `subscription.paused`.
    Paused(SubscriptionFacts),
    /// `subscription.resumed`.
    Resumed(SubscriptionFacts),
    /// `subscription.updated`: sent with every other one.
    Updated(SubscriptionFacts),
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
            "subscription.paused" => Self::Paused(subscription(data)?),
            "subscription.resumed" => Self::Resumed(subscription(data)?),
            "subscription.updated" => subscription(data).map_or(Self::Other, Self::Updated),
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
            Self::Paused(_) => "subscription.paused",
            Self::Resumed(_) => "subscription.resumed",
            Self::Updated(_) => "subscription.updated",
            Self::Hint(_) => "subscription",
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
            Self::Other => (None, None),
            _ => self.subscription().map_or((None, None), |s| (s.slot, Some(s.id.as_str()))),
        }
    }

    /// The subscription that the event carries.
    pub(super) const fn subscription(&self) -> Option<&SubscriptionFacts> {
        match self {
            Self::Active(s)
            | Self::Canceled(s)
            | Self::Uncanceled(s)
            | Self::PastDue(s)
            | Self::Revoked(s)
            | Self::Paused(s)
            | Self::Resumed(s)
            | Self::Updated(s)
            | Self::Hint(s)
            | Self::State(s) => Some(s),
            Self::OrderPaid(_) | Self::OrderRefunded(_) | Self::Other => None,
        }
    }

    /// Polar's time of the state of the subscription that the event carries.
    pub(super) fn as_of(&self) -> Option<Timestamp> {
        self.subscription().and_then(|s| s.as_of)
    }

    /// Where the subscription stands by this event; [`Standing::Other`] when it says nothing of that.
    pub(super) fn standing(&self) -> Standing {
        match self {
            // Before December 2025 Polar called a failed renewal a revocation, and its texts still disagree on it.
            Self::Revoked(s) if s.standing == Standing::PastDue => Standing::PastDue,
            Self::Revoked(_) => Standing::Ended,
            Self::PastDue(_) => Standing::PastDue,
            Self::Paused(s) if s.standing == Standing::Other => Standing::Paused,
            Self::Paused(s) if s.standing == Standing::Paused => Standing::Paused,
            Self::Active(s) if s.standing == Standing::Active => Standing::Active,
            Self::Resumed(s) if matches!(s.standing, Standing::Active | Standing::PastDue) => s.standing,
            Self::Updated(s) if matches!(s.standing, Standing::Active | Standing::Paused) => s.standing,
            Self::State(s) => s.standing,
            _ => Standing::Other,
        }
    }

    /// Whether the event, by itself, entitles.
    pub(super) fn grants(&self) -> bool {
        match self {
            Self::OrderPaid(order) => order.is_paid,
            Self::Active(_) | Self::Resumed(_) => self.standing() == Standing::Active,
            // What is past due or paused was paid once.
            Self::State(s) => {
                matches!(s.standing, Standing::Active | Standing::PastDue | Standing::Paused)
            }
            _ => false,
        }
    }
}
