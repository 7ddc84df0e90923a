//! What an event about an order or a subscription means for the payment of an assistant.

use reef_domain::Timestamp;
use reef_ports::PaymentEvent::{
    self, OrderPaid, SubscriptionActive, SubscriptionChecked, SubscriptionPastDue, SubscriptionPaused,
    SubscriptionResumed, SubscriptionRevoked, SubscriptionUpdated,
};
use reef_ports::SubscriptionStatus;

/// The billing period that a granting event pays for: the id of its order and its end, if the event has them. `None` when
/// the event is not about a period.
pub(super) fn paid_period(event: &PaymentEvent) -> Option<(Option<&str>, Option<Timestamp>)> {
    match event {
        OrderPaid(order) if order.is_for_a_period => Some((order.id.as_deref(), order.current_period_end)),
        SubscriptionActive(subscription) => Some((None, subscription.current_period_end)),
        _ => None,
    }
}

/// The status of the subscription after this event; [`SubscriptionStatus::Other`] when the event leaves it open.
pub(super) fn subscription_status(event: &PaymentEvent) -> SubscriptionStatus {
    match event {
        // Until December 2025 Polar sent a revocation for a failed renewal, and its documentation still disagrees.
        SubscriptionRevoked(s) if s.status == SubscriptionStatus::PastDue => SubscriptionStatus::PastDue,
        SubscriptionRevoked(_) => SubscriptionStatus::Ended,
        SubscriptionPastDue(_) => SubscriptionStatus::PastDue,
        SubscriptionPaused(s) if s.status == SubscriptionStatus::Other => SubscriptionStatus::Paused,
        SubscriptionPaused(s) if s.status == SubscriptionStatus::Paused => SubscriptionStatus::Paused,
        SubscriptionActive(s) if s.status == SubscriptionStatus::Active => SubscriptionStatus::Active,
        SubscriptionResumed(s)
            if matches!(s.status, SubscriptionStatus::Active | SubscriptionStatus::PastDue) =>
        {
            s.status
        }
        SubscriptionUpdated(s)
            if matches!(s.status, SubscriptionStatus::Active | SubscriptionStatus::Paused) =>
        {
            s.status
        }
        SubscriptionChecked(s) => s.status,
        _ => SubscriptionStatus::Other,
    }
}

/// Whether the event alone is enough to make the assistant paid.
pub(super) fn grants(event: &PaymentEvent) -> bool {
    match event {
        OrderPaid(order) => order.is_paid,
        SubscriptionActive(_) | SubscriptionResumed(_) => {
            subscription_status(event) == SubscriptionStatus::Active
        }
        // A subscription that is past due or paused was paid before.
        SubscriptionChecked(s) => {
            matches!(
                s.status,
                SubscriptionStatus::Active | SubscriptionStatus::PastDue | SubscriptionStatus::Paused
            )
        }
        _ => false,
    }
}
