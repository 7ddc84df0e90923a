//! The client for Polar: checkouts, orders, subscriptions and the customer portal. Paths, fields and errors are those
//! of Polar's OpenAPI document, version 2026-10.

use std::time::Duration;

use async_trait::async_trait;
use product::ProductBody;
use reef_domain::ids::{AssistantId, UserId};
use reef_ports::{Checkout, NewCheckout, PaymentError, Payments, Price, WebhookEndpoint};
use reef_ports::{CheckoutFacts, OrderFacts, SubscriptionFacts};
use reef_protocols::{HttpError, HttpResponse};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::http::{Http, encode_segment};

mod checkout_rejection;
mod product;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The version of Polar's API that requests ask for.
const VERSION: &str = "2026-10";

/// The maximum page size of Polar's lists.
const PAGE_SIZE: &str = "100";

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
        let answer = self.http.send_to_vendor("polar", request, TIMEOUT).await.map_err(unavailable)?;
        if answer.status == 429 {
            return Err(PaymentError::RateLimited {
                retry_after: answer.retry_after_s.map(Duration::from_secs),
            });
        }
        Ok(answer)
    }

    /// Finds one object by its path.
    async fn find_one<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, PaymentError> {
        let answer = self.send(self.request(Method::GET, path)).await?;
        match answer.status {
            200 => parse_body(&answer).map(Some),
            404 => Ok(None),
            status => Err(error_for_status(status)),
        }
    }

    /// Lists the newest objects whose metadata names an assistant.
    async fn list_by_assistant<T: DeserializeOwned>(
        &self,
        path: &str,
        assistant_id: AssistantId,
    ) -> Result<Vec<T>, PaymentError> {
        let assistant_id = assistant_id.to_string();
        let query = [("metadata[assistant_id]", assistant_id.as_str()), ("limit", PAGE_SIZE)];
        let list: List<T> = self.read_list(self.request(Method::GET, path).query(&query)).await?;
        Ok(list.items)
    }

    async fn read_list<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<List<T>, PaymentError> {
        let answer = self.send(request).await?;
        match answer.status {
            200 => parse_body(&answer),
            status => Err(error_for_status(status)),
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
            200 | 201 => {
                parse_body::<CheckoutBody>(&answer).map(|made| Checkout { id: made.id, url: made.url })
            }
            status => Err(match error_for_status(status) {
                PaymentError::Refused { .. } => {
                    let (refusal, message) = checkout_rejection::classify(&answer);
                    PaymentError::CheckoutRefused { refusal, message }
                }
                other => other,
            }),
        }
    }

    async fn price(&self, product: &str) -> Result<Option<Price>, PaymentError> {
        let found = self.find_one::<ProductBody>(&format!("products/{}", encode_segment(product))).await?;
        Ok(found.and_then(ProductBody::price))
    }

    async fn open_portal(&self, user: UserId, return_url: &str) -> Result<Option<String>, PaymentError> {
        let body = json!({"external_customer_id": user, "return_url": return_url});
        let answer = self.send(self.request(Method::POST, "customer-sessions/").json(&body)).await?;
        match answer.status {
            200 | 201 => parse_body::<SessionBody>(&answer).map(|session| Some(session.customer_portal_url)),
            404 => Ok(None),
            422 if is_about(&answer, "external_customer_id") => Ok(None),
            status => Err(error_for_status(status)),
        }
    }

    async fn revoke_subscription(&self, id: &str) -> Result<(), PaymentError> {
        let path = format!("subscriptions/{}", encode_segment(id));
        let answer = self.send(self.request(Method::DELETE, &path)).await?;
        match answer.status {
            200 | 204 | 404 => Ok(()),
            403 if is_already_ended(&answer) => Ok(()),
            status => Err(error_for_status(status)),
        }
    }

    async fn checkout(&self, id: &str) -> Result<Option<CheckoutFacts>, PaymentError> {
        self.find_one(&format!("checkouts/{}", encode_segment(id))).await
    }

    async fn subscription(&self, id: &str) -> Result<Option<SubscriptionFacts>, PaymentError> {
        self.find_one(&format!("subscriptions/{}", encode_segment(id))).await
    }

    async fn subscriptions_of(
        &self,
        assistant_id: AssistantId,
    ) -> Result<Vec<SubscriptionFacts>, PaymentError> {
        self.list_by_assistant("subscriptions/", assistant_id).await
    }

    async fn orders_of(&self, assistant_id: AssistantId) -> Result<Vec<OrderFacts>, PaymentError> {
        self.list_by_assistant("orders/", assistant_id).await
    }

    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, PaymentError> {
        let asked = self.request(Method::GET, "webhooks/endpoints").query(&[("limit", PAGE_SIZE)]);
        let list: List<EndpointBody> = self.read_list(asked).await?;
        let endpoint = |body: EndpointBody| WebhookEndpoint { url: body.url, enabled: body.enabled };
        Ok(list.items.into_iter().map(endpoint).collect())
    }
}

/// Whether a subscription could not be revoked because it has already ended.
fn is_already_ended(answer: &HttpResponse) -> bool {
    serde_json::from_slice::<ErrorBody>(&answer.body)
        .is_ok_and(|body| body.error == "AlreadyCanceledSubscription")
}

/// Whether a 422 response is about a field. This is how Polar reports a customer that does not exist.
fn is_about(answer: &HttpResponse, field: &str) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let issues = body["detail"].as_array().map(Vec::as_slice).unwrap_or_default();
    issues.iter().any(|issue| issue["loc"].as_array().is_some_and(|loc| loc.iter().any(|step| step == field)))
}

fn parse_body<T: DeserializeOwned>(answer: &HttpResponse) -> Result<T, PaymentError> {
    serde_json::from_slice(&answer.body).map_err(|_| malformed_response())
}

/// Converts an error status. 408 and 409, a short lock at Polar, are temporary.
fn error_for_status(status: u16) -> PaymentError {
    match status {
        408 | 409 | 500.. => PaymentError::Unavailable(format!("status {status}")),
        status => PaymentError::Refused { status },
    }
}

fn malformed_response() -> PaymentError {
    PaymentError::Unavailable("the response could not be parsed".to_owned())
}

fn unavailable(error: HttpError) -> PaymentError {
    PaymentError::Unavailable(error.to_string())
}
