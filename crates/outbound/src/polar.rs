//! Polar: checkouts and subscriptions. (Paths, fields and errors: Polar's OpenAPI document, version 2026-10.)

use std::time::Duration;

use async_trait::async_trait;
use reef_assistant::{HttpError, HttpResponse};
use reef_domain::Timestamp;
use reef_service::ports::{Checkout, NewCheckout, PaymentError, Payments, Subscription};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::http::{Http, segment};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The version whose shapes are written and read here.
const VERSION: &str = "2026-10";

/// Polar as the one who takes the money. Its `Debug` hides the token.
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
struct SubscriptionBody {
    id: String,
    status: String,
    current_period_end: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

impl Polar {
    /// Polar at `base_url` (without `/v1` and trailing slash: `https://api.polar.sh`), with an organization access
    /// token.
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
        self.http.vendor(request, TIMEOUT).await.map_err(unreachable_because)
    }
}

#[async_trait]
impl Payments for Polar {
    async fn create_checkout(&self, new: &NewCheckout) -> Result<Checkout, PaymentError> {
        // No e-mail: Polar checks its deliverability and would refuse the checkout; the buyer enters one there.
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

    async fn subscription(&self, id: &str) -> Result<Option<Subscription>, PaymentError> {
        let path = format!("subscriptions/{}", segment(id));
        let answer = self.send(self.request(Method::GET, &path)).await?;
        match answer.status {
            200 => read::<SubscriptionBody>(&answer)?.try_into().map(Some),
            404 => Ok(None),
            status => Err(refused(status)),
        }
    }
}

impl TryFrom<SubscriptionBody> for Subscription {
    type Error = PaymentError;

    fn try_from(body: SubscriptionBody) -> Result<Self, PaymentError> {
        let read = |text: String| OffsetDateTime::parse(&text, &Rfc3339).map(Timestamp::from);
        let end = body.current_period_end.map(read).transpose();
        Ok(Self {
            id: body.id,
            active: matches!(body.status.as_str(), "active" | "trialing"),
            current_period_end: end.map_err(|_| not_understood())?,
        })
    }
}

/// Whether a subscription can't be revoked because it has been.
fn is_over_already(answer: &HttpResponse) -> bool {
    serde_json::from_slice::<ErrorBody>(&answer.body)
        .is_ok_and(|body| body.error == "AlreadyCanceledSubscription")
}

fn read<T: DeserializeOwned>(answer: &HttpResponse) -> Result<T, PaymentError> {
    serde_json::from_slice(&answer.body).map_err(|_| not_understood())
}

/// 409 is a lock that somebody holds for a moment, 408 and 429 pass too.
fn refused(status: u16) -> PaymentError {
    match status {
        408 | 409 | 429 | 500.. => PaymentError::Unavailable(format!("status {status}")),
        status => PaymentError::Refused { status },
    }
}

fn not_understood() -> PaymentError {
    PaymentError::Unavailable("the answer was not understood".to_owned())
}

fn unreachable_because(error: HttpError) -> PaymentError {
    PaymentError::Unavailable(error.to_string())
}
