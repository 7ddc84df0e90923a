//! The payment provider: checkouts, orders and subscriptions.

use std::time::Duration;

use async_trait::async_trait;
use reef_domain::ids::{AssistantId, UserId};
use thiserror::Error;

use crate::payment_facts::{CheckoutFacts, OrderFacts, SubscriptionFacts};

/// What a new checkout is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCheckout {
    /// The assistant to be paid for. It is stored in the checkout's metadata, and every event about the checkout
    /// carries it.
    pub assistant_id: AssistantId,
    /// The account that pays.
    pub user_id: UserId,
    /// The provider's id of the product.
    pub product: String,
    /// Where the buyer returns to after paying.
    pub success_url: String,
    /// Where the buyer returns to without paying.
    pub return_url: String,
}

/// A page where an order is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The provider's id of the checkout.
    pub id: String,
    /// The URL of the page.
    pub url: String,
}

/// What a product costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The amount before tax, in the smallest unit of the currency, such as cents.
    pub amount: i64,
    /// The currency as a lowercase ISO 4217 code.
    pub currency: String,
    /// The unit of the billing period.
    pub interval: Interval,
    /// How many intervals one payment covers.
    pub interval_count: u32,
}

/// The unit of a billing period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// Billed by the day.
    Day,
    /// Billed by the week.
    Week,
    /// Billed by the month.
    Month,
    /// Billed by the year.
    Year,
}

/// Where the provider sends its webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// The URL of the endpoint.
    pub url: String,
    /// Whether webhooks are sent. Polar disables an endpoint after ten failures in a row.
    pub enabled: bool,
}

/// Why the provider refuses a checkout, by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutRefusal {
    /// The buyer's email cannot receive mail.
    Email,
    /// The buyer's email and account belong to different customers of the provider.
    OtherCustomer,
    /// The buyer has a subscription, and the provider is configured to allow only one.
    OneSubscriptionOnly,
    /// The operator's account cannot take payments yet.
    NotReady,
    /// The product does not exist, is archived, or has no suitable price.
    Product,
    /// Another reason, such as the operator's token.
    Other,
}

/// Why the provider did not carry out a request.
#[derive(Debug, Error)]
pub enum PaymentError {
    /// The provider refused to create a checkout.
    #[error("payment provider refused the checkout: {message}")]
    CheckoutRefused {
        /// What can be done about the refusal.
        refusal: CheckoutRefusal,
        /// The provider's own message, for the operator's log.
        message: String,
    },
    /// The provider refused the request.
    #[error("payment provider refused with status {status}")]
    Refused {
        /// The HTTP status of its response.
        status: u16,
    },
    /// The provider limits the rate of requests.
    #[error("payment provider rate limit exceeded")]
    RateLimited {
        /// How long to wait, if the provider says so.
        retry_after: Option<Duration>,
    },
    /// The provider did not answer, or not as expected. Trying again may help.
    #[error("payment provider unavailable: {0}")]
    Unavailable(String),
}

/// A payment provider, such as Polar.
#[async_trait]
pub trait Payments: Send + Sync {
    /// Creates a checkout for one assistant.
    async fn create_checkout(&self, new: &NewCheckout) -> Result<Checkout, PaymentError>;

    /// The price of a product; `None` when there is no such product, or it has no fixed recurring price.
    async fn price(&self, product: &str) -> Result<Option<Price>, PaymentError>;

    /// Opens the customer portal for a user, with a link back to `return_url`. Returns its URL, which signs the user in
    /// for an hour, or `None` when the provider does not know the user.
    async fn open_portal(&self, user: UserId, return_url: &str) -> Result<Option<String>, PaymentError>;

    /// Ends a subscription at once. One that has ended or is unknown counts as ended.
    async fn revoke_subscription(&self, id: &str) -> Result<(), PaymentError>;

    /// Finds a checkout; `None` when there is none.
    async fn checkout(&self, id: &str) -> Result<Option<CheckoutFacts>, PaymentError>;

    /// Finds a subscription; `None` when there is none.
    async fn subscription(&self, id: &str) -> Result<Option<SubscriptionFacts>, PaymentError>;

    /// Lists the latest subscriptions for an assistant, at most 100.
    async fn subscriptions_of(
        &self,
        assistant_id: AssistantId,
    ) -> Result<Vec<SubscriptionFacts>, PaymentError>;

    /// Lists the latest orders for an assistant, at most 100.
    async fn orders_of(&self, assistant_id: AssistantId) -> Result<Vec<OrderFacts>, PaymentError>;

    /// Lists the endpoints that the provider sends webhooks to.
    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, PaymentError>;
}
