//! Polar's webhooks as events, limited to the fields that Reef acts on.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use serde::Deserialize;
use serde_json::Value;

use reef_ports::{OrderFacts, SubscriptionFacts, SubscriptionStatus};

/// An event about an order or a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// `order.paid`.
    OrderPaid(OrderFacts),
    /// `order.refunded`.
    OrderRefunded(OrderFacts),
    /// `subscription.active`.
    Active(SubscriptionFacts),
    /// `subscription.canceled`: the subscription ends at once or with its period.
    Canceled(SubscriptionFacts),
    /// `subscription.uncanceled`.
    Uncanceled(SubscriptionFacts),
    /// `subscription.past_due`.
    PastDue(SubscriptionFacts),
    /// `subscription.revoked`: access is lost. Only the subscription's own status says whether it has ended.
    Revoked(SubscriptionFacts),
    /// `subscription.paused`.
    Paused(SubscriptionFacts),
    /// `subscription.resumed`.
    Resumed(SubscriptionFacts),
    /// `subscription.updated`: sent along with every other event.
    Updated(SubscriptionFacts),
    /// Another event about a subscription, which only schedules a payment check.
    Hint(SubscriptionFacts),
    /// The answer to a payment check: the subscription as Polar has it.
    State(SubscriptionFacts),
    /// An event that Reef ignores.
    Other,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
}

impl Event {
    /// Parses the body of a webhook. A type that Reef does not act on is [`Event::Other`], whatever its data.
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
            // A type that Reef does not act on may have any shape.
            other if other.starts_with("subscription.") => subscription(data).map_or(Self::Other, Self::Hint),
            _ => Self::Other,
        })
    }

    /// The type, for logs.
    pub(super) const fn type_name(&self) -> &'static str {
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

    /// The billing period that a granting event pays for: the id of its order and its end, if the event has them. `None` when
    /// the event is not about a period.
    pub(super) fn period(&self) -> Option<(Option<&str>, Option<Timestamp>)> {
        match self {
            Self::OrderPaid(order) if order.is_for_a_period => {
                Some((order.id.as_deref(), order.current_period_end))
            }
            Self::Active(subscription) => Some((None, subscription.current_period_end)),
            _ => None,
        }
    }

    /// The assistant in the metadata and the subscription that the event is about.
    pub(super) fn subject(&self) -> (Option<AssistantId>, Option<&str>) {
        match self {
            Self::OrderPaid(order) | Self::OrderRefunded(order) => {
                (order.assistant_id, order.subscription_id.as_deref())
            }
            Self::Other => (None, None),
            _ => self.subscription().map_or((None, None), |s| (s.assistant_id, Some(s.id.as_str()))),
        }
    }

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

    /// Polar's time of the subscription's state that the event carries.
    pub(super) fn as_of(&self) -> Option<Timestamp> {
        self.subscription().and_then(|s| s.as_of)
    }

    /// The status of the subscription after this event; [`SubscriptionStatus::Other`] when the event leaves it open.
    pub(super) fn subscription_status(&self) -> SubscriptionStatus {
        match self {
            // Until December 2025 Polar sent a revocation for a failed renewal, and its documentation still disagrees.
            Self::Revoked(s) if s.status == SubscriptionStatus::PastDue => SubscriptionStatus::PastDue,
            Self::Revoked(_) => SubscriptionStatus::Ended,
            Self::PastDue(_) => SubscriptionStatus::PastDue,
            Self::Paused(s) if s.status == SubscriptionStatus::Other => SubscriptionStatus::Paused,
            Self::Paused(s) if s.status == SubscriptionStatus::Paused => SubscriptionStatus::Paused,
            Self::Active(s) if s.status == SubscriptionStatus::Active => SubscriptionStatus::Active,
            Self::Resumed(s)
                if matches!(s.status, SubscriptionStatus::Active | SubscriptionStatus::PastDue) =>
            {
                s.status
            }
            Self::Updated(s)
                if matches!(s.status, SubscriptionStatus::Active | SubscriptionStatus::Paused) =>
            {
                s.status
            }
            Self::State(s) => s.status,
            _ => SubscriptionStatus::Other,
        }
    }

    /// Whether the event alone is enough to make the assistant paid.
    pub(super) fn grants(&self) -> bool {
        match self {
            Self::OrderPaid(order) => order.is_paid,
            Self::Active(_) | Self::Resumed(_) => self.subscription_status() == SubscriptionStatus::Active,
            // A subscription that is past due or paused was paid before.
            Self::State(s) => {
                matches!(
                    s.status,
                    SubscriptionStatus::Active | SubscriptionStatus::PastDue | SubscriptionStatus::Paused
                )
            }
            _ => false,
        }
    }
}
