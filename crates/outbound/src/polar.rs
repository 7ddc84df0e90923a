//! The client for Polar: checkouts, orders, subscriptions and the customer portal.

use async_trait::async_trait;
use reef_domain::ids::{AssistantId, UserId};
use reef_ports::{
    Checkout, CheckoutFacts, NewCheckout, OrderFacts, PaymentError, Payments, Price, SubscriptionFacts,
    WebhookEndpoint,
};
use reef_protocols::polar::{self, Api};
use reef_protocols::{HttpRequest, HttpResponse};
use secrecy::{ExposeSecret, SecretString};

use crate::http::Http;

/// The client for Polar's API. Its `Debug` output hides the token.
#[derive(Clone, Debug)]
pub struct Polar {
    http: Http,
    base_url: String,
    token: SecretString,
}

impl Polar {
    /// Creates a client with an organization access token. `base_url` has neither `/v1` nor a trailing slash:
    /// `https://api.polar.sh`.
    #[must_use]
    pub fn new(http: Http, base_url: String, token: SecretString) -> Self {
        Self { http, base_url, token }
    }

    fn api(&self) -> Api<'_> {
        Api::new(&self.base_url, self.token.expose_secret())
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PaymentError> {
        self.http.send(request).await.map_err(|error| PaymentError::Unavailable(error.to_string()))
    }
}

#[async_trait]
impl Payments for Polar {
    async fn create_checkout(&self, new: &NewCheckout) -> Result<Checkout, PaymentError> {
        polar::read_new_checkout(&self.send(self.api().create_checkout(new)).await?)
    }

    async fn price(&self, product: &str) -> Result<Option<Price>, PaymentError> {
        polar::read_price(&self.send(self.api().get_product(product)).await?)
    }

    async fn open_portal(&self, user: UserId, return_url: &str) -> Result<Option<String>, PaymentError> {
        polar::read_portal_url(&self.send(self.api().create_portal_session(user, return_url)).await?)
    }

    async fn revoke_subscription(&self, id: &str) -> Result<(), PaymentError> {
        polar::read_revocation(&self.send(self.api().revoke_subscription(id)).await?)
    }

    async fn checkout(&self, id: &str) -> Result<Option<CheckoutFacts>, PaymentError> {
        polar::read_checkout(&self.send(self.api().get_checkout(id)).await?)
    }

    async fn subscription(&self, id: &str) -> Result<Option<SubscriptionFacts>, PaymentError> {
        polar::read_subscription(&self.send(self.api().get_subscription(id)).await?)
    }

    async fn subscriptions_of(
        &self,
        assistant_id: AssistantId,
    ) -> Result<Vec<SubscriptionFacts>, PaymentError> {
        polar::read_subscriptions(&self.send(self.api().list_subscriptions(assistant_id)).await?)
    }

    async fn orders_of(&self, assistant_id: AssistantId) -> Result<Vec<OrderFacts>, PaymentError> {
        polar::read_orders(&self.send(self.api().list_orders(assistant_id)).await?)
    }

    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, PaymentError> {
        polar::read_webhook_endpoints(&self.send(self.api().list_webhook_endpoints()).await?)
    }
}
