//! Who takes the money: checkouts and subscriptions.

use std::time::Duration;

use async_trait::async_trait;
use reef_domain::ids::{AssistantId, UserId};
use thiserror::Error;

use crate::payments::{CheckoutFacts, OrderFacts, SubscriptionFacts};

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

/// What a product costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// In the currency's smallest unit, before tax: cents.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// What it is paid for, again and again: `month` and the like.
    pub interval: Interval,
    /// How many of these one payment is for.
    pub interval_count: u32,
}

/// A stretch of time that is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// Where the provider sends its webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// The URL.
    pub url: String,
    /// Whether webhooks are sent; Polar stops by itself after ten failures in a row.
    pub enabled: bool,
}

/// Why the provider makes no checkout: by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutRefusal {
    /// The buyer's e-mail address can't receive mail.
    Email,
    /// The buyer's e-mail address and account belong to different customers there.
    OtherCustomer,
    /// The buyer has a subscription, and the provider is set up to sell nobody a second one.
    OneSubscriptionOnly,
    /// The operator's account can't take payments yet.
    NotReady,
    /// The product does not exist, is archived, or has no price that fits.
    Product,
    /// Something else, such as the operator's token.
    Other,
}

/// The provider did not do it.
#[derive(Debug, Error)]
pub enum PaymentError {
    /// It refused to make a checkout.
    #[error("payment provider refused the checkout: {said}")]
    CheckoutRefused {
        /// Why.
        why: CheckoutRefusal,
        /// What it said, for the operator's log.
        said: String,
    },
    /// It refused.
    #[error("payment provider refused with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// It wants to be asked less often.
    #[error("payment provider asks for patience")]
    TooMany {
        /// How long to wait, if it said so.
        retry_after: Option<Duration>,
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

    /// What a product costs; `None` when there is no such product, or none that is paid for again and again at a fixed
    /// price.
    async fn price(&self, product: &str) -> Result<Option<Price>, PaymentError>;

    /// Opens the provider's page for customers, with `return_url` to come back to: its URL, which is a key to that page
    /// for an hour. `None` when the provider does not know the user as a customer.
    async fn open_portal(&self, user: UserId, return_url: &str) -> Result<Option<String>, PaymentError>;

    /// Ends a subscription at once. One that is over or unknown already is success.
    async fn revoke_subscription(&self, id: &str) -> Result<(), PaymentError>;

    /// Looks a checkout up; `None` when there is none.
    async fn checkout(&self, id: &str) -> Result<Option<CheckoutFacts>, PaymentError>;

    /// Looks a subscription up; `None` when there is none.
    async fn subscription(&self, id: &str) -> Result<Option<SubscriptionFacts>, PaymentError>;

    /// The newest subscriptions, at most a hundred, that name a slot.
    async fn subscriptions_of(&self, slot: AssistantId) -> Result<Vec<SubscriptionFacts>, PaymentError>;

    /// The newest orders, at most a hundred, that name a slot.
    async fn orders_of(&self, slot: AssistantId) -> Result<Vec<OrderFacts>, PaymentError>;

    /// Where webhooks go.
    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, PaymentError>;
}
