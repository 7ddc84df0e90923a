//! The facts of checkouts, subscriptions and orders, reduced to what Reef acts on.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;

/// The status of a subscription, reduced to what Reef distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionStatus {
    /// The subscription is paid, or on trial.
    Active,
    /// A renewal failed, and the provider retries the payment.
    PastDue,
    /// The subscription is paused, and nothing is charged until it is resumed.
    Paused,
    /// It has ended. The provider can reinstate it, after which it is active again with a later time.
    Ended,
    /// A status that neither grants nor ends access: not paid yet, or unknown.
    Other,
}

/// A subscription as the provider reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionFacts {
    /// The subscription's id at the provider.
    pub id: String,
    /// The assistant's id in the metadata.
    pub assistant_id: Option<AssistantId>,
    /// The status, with an end that is set taking precedence.
    pub status: SubscriptionStatus,
    /// The end of the billing period.
    pub current_period_end: Option<Timestamp>,
    /// When the customer canceled; the subscription then ends with its period.
    pub canceled_at: Option<Timestamp>,
    /// The provider's time of this state: the last change, else the creation.
    pub as_of: Option<Timestamp>,
}

/// An order as the provider reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFacts {
    /// The order's id at the provider, if the answer has one.
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
    /// The provider's time of this state: the last change, else the creation.
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

/// A checkout as the provider reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckoutFacts {
    /// The status of the checkout.
    pub status: CheckoutStatus,
}
