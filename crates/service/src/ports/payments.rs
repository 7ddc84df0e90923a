//! Who takes the money: checkouts and subscriptions.

use async_trait::async_trait;
use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use thiserror::Error;

/// What is to be paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCheckout {
    /// The slot; goes into the metadata and comes back with every event about it.
    pub assistant_id: AssistantId,
    /// The buyer.
    pub user_id: UserId,
    /// The provider's product.
    pub product: String,
    /// Where the buyer returns to after paying.
    pub success_url: String,
    /// Where the buyer returns to without paying.
    pub return_url: String,
}

/// Where it can be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The provider's id.
    pub id: String,
    /// The page to pay on.
    pub url: String,
}

/// How a subscription stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The provider's id.
    pub id: String,
    /// Whether it is active now.
    pub active: bool,
    /// End of the paid period.
    pub current_period_end: Option<Timestamp>,
}

/// The provider did not do it.
#[derive(Debug, Error)]
pub enum PaymentError {
    /// It refused.
    #[error("payment provider refused with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// It did not answer, or not understandably; trying again may help.
    #[error("payment provider unavailable: {0}")]
    Unavailable(String),
}

/// Takes payments.
#[async_trait]
pub trait Payments: Send + Sync {
    /// Makes a checkout.
    async fn create_checkout(&self, new: &NewCheckout) -> Result<Checkout, PaymentError>;

    /// Ends a subscription at once. One that is over or unknown already is success.
    async fn revoke_subscription(&self, id: &str) -> Result<(), PaymentError>;

    /// Looks a subscription up; `None` when there is none.
    async fn subscription(&self, id: &str) -> Result<Option<Subscription>, PaymentError>;
}
