//! What happens to orders and subscriptions.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;

use crate::payment_facts::{OrderFacts, SubscriptionFacts};

/// An event about an order or a subscription: from a webhook, or from the answer to a payment check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentEvent {
    /// An order was paid.
    OrderPaid(OrderFacts),
    /// An order was refunded, in part or in full.
    OrderRefunded(OrderFacts),
    /// The subscription became active.
    SubscriptionActive(SubscriptionFacts),
    /// The subscription ends at once or with its period.
    SubscriptionCanceled(SubscriptionFacts),
    /// The subscription no longer ends with its period.
    SubscriptionUncanceled(SubscriptionFacts),
    /// A renewal failed, and the provider retries the payment.
    SubscriptionPastDue(SubscriptionFacts),
    /// Access is lost. Only the subscription's own status says whether it has ended.
    SubscriptionRevoked(SubscriptionFacts),
    /// The subscription was paused.
    SubscriptionPaused(SubscriptionFacts),
    /// The subscription was resumed after a pause.
    SubscriptionResumed(SubscriptionFacts),
    /// Something about the subscription changed. It is sent along with every other event.
    SubscriptionUpdated(SubscriptionFacts),
    /// Another event about a subscription, which only schedules a payment check.
    SubscriptionHint(SubscriptionFacts),
    /// The answer to a payment check: the subscription as the provider has it.
    SubscriptionChecked(SubscriptionFacts),
    /// An event that Reef ignores.
    Ignored,
}

impl PaymentEvent {
    /// The type, for logs.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::OrderPaid(_) => "order.paid",
            Self::OrderRefunded(_) => "order.refunded",
            Self::SubscriptionActive(_) => "subscription.active",
            Self::SubscriptionCanceled(_) => "subscription.canceled",
            Self::SubscriptionUncanceled(_) => "subscription.uncanceled",
            Self::SubscriptionPastDue(_) => "subscription.past_due",
            Self::SubscriptionRevoked(_) => "subscription.revoked",
            Self::SubscriptionPaused(_) => "subscription.paused",
            Self::SubscriptionResumed(_) => "subscription.resumed",
            Self::SubscriptionUpdated(_) => "subscription.updated",
            Self::SubscriptionHint(_) => "subscription",
            Self::SubscriptionChecked(_) => "state",
            Self::Ignored => "other",
        }
    }

    /// The assistant in the metadata and the subscription that the event is about.
    pub fn subject(&self) -> (Option<AssistantId>, Option<&str>) {
        match self {
            Self::OrderPaid(order) | Self::OrderRefunded(order) => {
                (order.assistant_id, order.subscription_id.as_deref())
            }
            _ => self.subscription().map_or((None, None), |s| (s.assistant_id, Some(s.id.as_str()))),
        }
    }

    /// The subscription that the event carries.
    pub const fn subscription(&self) -> Option<&SubscriptionFacts> {
        match self {
            Self::SubscriptionActive(s)
            | Self::SubscriptionCanceled(s)
            | Self::SubscriptionUncanceled(s)
            | Self::SubscriptionPastDue(s)
            | Self::SubscriptionRevoked(s)
            | Self::SubscriptionPaused(s)
            | Self::SubscriptionResumed(s)
            | Self::SubscriptionUpdated(s)
            | Self::SubscriptionHint(s)
            | Self::SubscriptionChecked(s) => Some(s),
            Self::OrderPaid(_) | Self::OrderRefunded(_) | Self::Ignored => None,
        }
    }

    /// The provider's time of the subscription's state that the event carries. `None` for orders: an order has a clock of
    /// its own, so its time says nothing about whether an event about the subscription is outdated.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.subscription().and_then(|s| s.as_of)
    }
}
