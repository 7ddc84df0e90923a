//! The client for Polar: checkouts, orders, subscriptions and the customer portal. Paths, fields and errors are those
//! of Polar's OpenAPI document, version 2026-10.

use std::time::Duration;

use async_trait::async_trait;
use reef_assistant::{HttpError, HttpResponse};
use reef_domain::ids::{AssistantId, UserId};
use reef_service::payments::{CheckoutFacts, OrderFacts, SubscriptionFacts};
use reef_service::ports::{Checkout, NewCheckout, PaymentError, Payments, Price, WebhookEndpoint};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::http::{Http, segment};
use product::ProductBody;

mod product;
mod refusal;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The version of Polar's API that requests ask for.
const VERSION: &str = "2026-10";

/// The maximum page size of Polar's lists.
const PAGE: &str = "100";

/// The client for Polar's API. Its `Debug` output hides the token.
#[derive(Clone, Debug)]
pub struct Polar {
    http: Http,
    base_url: String,
    token: SecretString,
}

#[derive(Deserialize)]
struct CheckoutBody {
    id: String,
    url: String,
}

#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
struct EndpointBody {
    url: String,
    enabled: bool,
}

#[derive(Deserialize)]
struct SessionBody {
    customer_portal_url: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

impl Polar {
    /// Creates a client with an organization access token. `base_url` has neither `/v1` nor a trailing slash:
    /// `https://api.polar.sh`.
    #[must_use]
    pub fn new(http: Http, base_url: String, token: SecretString) -> Self {
        Self { http, base_url, token }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .client()
            .request(method, format!("{}/v1/{path}", self.base_url))
            .bearer_auth(self.token.expose_secret())
            .header("polar-version", VERSION)
    }

    async fn send(&self, request: RequestBuilder) -> Result<HttpResponse, PaymentError> {
        let answer = self.http.vendor("polar", request, TIMEOUT).await.map_err(unreachable_because)?;
        if answer.status == 429 {
            return Err(PaymentError::TooMany { retry_after: answer.retry_after_s.map(Duration::from_secs) });
        }
        Ok(answer)
    }

    /// Finds one object by its path.
    async fn one<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, PaymentError> {
        let answer = self.send(self.request(Method::GET, path)).await?;
        match answer.status {
            200 => read(&answer).map(Some),
            404 => Ok(None),
            status => Err(refused(status)),
        }
    }

    /// Lists the newest objects whose metadata names an assistant.
    async fn naming<T: DeserializeOwned>(
        &self,
        path: &str,
        slot: AssistantId,
    ) -> Result<Vec<T>, PaymentError> {
        let slot = slot.to_string();
        let query = [("metadata[assistant_id]", slot.as_str()), ("limit", PAGE)];
        let list: List<T> = self.read_list(self.request(Method::GET, path).query(&query)).await?;
        Ok(list.items)
    }

    async fn read_list<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<List<T>, PaymentError> {
        let answer = self.send(request).await?;
        match answer.status {
            200 => read(&answer),
            status => Err(refused(status)),
        }
    }
}

#[async_trait]
impl Payments for Polar {
    async fn create_checkout(&self, new: &NewCheckout) -> Result<Checkout, PaymentError> {
        // The email address is left out, because Polar rejects the checkout if it finds the address undeliverable. The
        // buyer enters one at the checkout.
        let body = json!({
            "products": [new.product],
            "external_customer_id": new.user_id,
            "metadata": {"assistant_id": new.assistant_id, "user_id": new.user_id},
            "success_url": new.success_url,
            "return_url": new.return_url,
        });
        let answer = self.send(self.request(Method::POST, "checkouts/").json(&body)).await?;
        match answer.status {
            200 | 201 => read::<CheckoutBody>(&answer).map(|made| Checkout { id: made.id, url: made.url }),
            status => Err(match refused(status) {
                PaymentError::Refused { .. } => {
                    let (why, said) = refusal::read(&answer);
                    PaymentError::CheckoutRefused { why, said }
                }
                other => other,
            }),
        }
    }

    async fn price(&self, product: &str) -> Result<Option<Price>, PaymentError> {
        let found = self.one::<ProductBody>(&format!("products/{}", segment(product))).await?;
        Ok(found.and_then(ProductBody::price))
    }

    async fn open_portal(&self, user: UserId, return_url: &str) -> Result<Option<String>, PaymentError> {
        let body = json!({"external_customer_id": user, "return_url": return_url});
        let answer = self.send(self.request(Method::POST, "customer-sessions/").json(&body)).await?;
        match answer.status {
            200 | 201 => read::<SessionBody>(&answer).map(|session| Some(session.customer_portal_url)),
            404 => Ok(None),
            422 if is_about(&answer, "external_customer_id") => Ok(None),
            status => Err(refused(status)),
        }
    }

    async fn revoke_subscription(&self, id: &str) -> Result<(), PaymentError> {
        let path = format!("subscriptions/{}", segment(id));
        let answer = self.send(self.request(Method::DELETE, &path)).await?;
        match answer.status {
            200 | 204 | 404 => Ok(()),
            403 if is_over_already(&answer) => Ok(()),
            status => Err(refused(status)),
        }
    }

    async fn checkout(&self, id: &str) -> Result<Option<CheckoutFacts>, PaymentError> {
        self.one(&format!("checkouts/{}", segment(id))).await
    }

    async fn subscription(&self, id: &str) -> Result<Option<SubscriptionFacts>, PaymentError> {
        self.one(&format!("subscriptions/{}", segment(id))).await
    }

    async fn subscriptions_of(&self, slot: AssistantId) -> Result<Vec<SubscriptionFacts>, PaymentError> {
        self.naming("subscriptions/", slot).await
    }

    async fn orders_of(&self, slot: AssistantId) -> Result<Vec<OrderFacts>, PaymentError> {
        self.naming("orders/", slot).await
    }

    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, PaymentError> {
        let asked = self.request(Method::GET, "webhooks/endpoints").query(&[("limit", PAGE)]);
        let list: List<EndpointBody> = self.read_list(asked).await?;
        let endpoint = |body: EndpointBody| WebhookEndpoint { url: body.url, enabled: body.enabled };
        Ok(list.items.into_iter().map(endpoint).collect())
    }
}

/// Whether a subscription could not be revoked because it has already ended.
fn is_over_already(answer: &HttpResponse) -> bool {
    serde_json::from_slice::<ErrorBody>(&answer.body)
        .is_ok_and(|body| body.error == "AlreadyCanceledSubscription")
}

/// Whether a 422 response is about a field. This is how Polar reports a customer that does not exist.
fn is_about(answer: &HttpResponse, field: &str) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let issues = body["detail"].as_array().map(Vec::as_slice).unwrap_or_default();
    issues.iter().any(|issue| issue["loc"].as_array().is_some_and(|loc| loc.iter().any(|step| step == field)))
}

fn read<T: DeserializeOwned>(answer: &HttpResponse) -> Result<T, PaymentError> {
    serde_json::from_slice(&answer.body).map_err(|_| not_understood())
}

/// Converts an error status. 408 and 409, a short lock at Polar, are temporary.
fn refused(status: u16) -> PaymentError {
    match status {
        408 | 409 | 500.. => PaymentError::Unavailable(format!("status {status}")),
        status => PaymentError::Refused { status },
    }
}

fn not_understood() -> PaymentError {
    PaymentError::Unavailable("the response could not be parsed".to_owned())
}

fn unreachable_because(error: HttpError) -> PaymentError {
    PaymentError::Unavailable(error.to_string())
}
