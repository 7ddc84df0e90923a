//! Parses the responses of Polar's API.

use std::time::Duration;

use reef_ports::{
    Checkout, CheckoutFacts, OrderFacts, PaymentError, Price, SubscriptionFacts, WebhookEndpoint,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::checkout_rejection;
use super::objects::{CheckoutBody, OrderBody, SubscriptionBody};
use super::product::ProductBody;
use crate::http::HttpResponse;

#[derive(Deserialize)]
struct NewCheckoutBody {
    id: String,
    url: String,
}

#[derive(Deserialize)]
struct SessionBody {
    customer_portal_url: String,
}

#[derive(Deserialize)]
struct EndpointBody {
    url: String,
    enabled: bool,
}

#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
}

/// Reads the checkout that [`Api::create_checkout`](super::Api::create_checkout) created.
///
/// # Errors
/// [`PaymentError::CheckoutRefused`] with the reason if Polar rejects it, another [`PaymentError`] if it failed.
pub fn read_new_checkout(response: &HttpResponse) -> Result<Checkout, PaymentError> {
    match response.status {
        200 | 201 => {
            parse_body(response).map(|made: NewCheckoutBody| Checkout { id: made.id, url: made.url })
        }
        _ => Err(match error_of(response) {
            PaymentError::Refused { .. } => {
                let (refusal, message) = checkout_rejection::classify(response);
                PaymentError::CheckoutRefused { refusal, message }
            }
            other => other,
        }),
    }
}

/// Reads a checkout; `None` if there is none.
///
/// # Errors
/// [`PaymentError`] if Polar rejected the request or failed.
pub fn read_checkout(response: &HttpResponse) -> Result<Option<CheckoutFacts>, PaymentError> {
    Ok(find_one::<CheckoutBody>(response)?.map(CheckoutFacts::from))
}

/// Reads the price of a product; `None` if there is no such product, or it has no fixed recurring price.
///
/// # Errors
/// [`PaymentError`] if Polar rejected the request or failed.
pub fn read_price(response: &HttpResponse) -> Result<Option<Price>, PaymentError> {
    Ok(find_one(response)?.and_then(ProductBody::price))
}

/// Reads the URL of a customer portal session; `None` if Polar does not know the customer.
///
/// # Errors
/// [`PaymentError`] if Polar rejected the request or failed.
pub fn read_portal_url(response: &HttpResponse) -> Result<Option<String>, PaymentError> {
    match response.status {
        200 | 201 => parse_body(response).map(|session: SessionBody| Some(session.customer_portal_url)),
        404 => Ok(None),
        422 if is_about(response, "external_customer_id") => Ok(None),
        _ => Err(error_of(response)),
    }
}

/// Reads whether a subscription was revoked. One that has ended or is unknown counts as revoked.
///
/// # Errors
/// [`PaymentError`] if Polar rejected the request or failed.
pub fn read_revocation(response: &HttpResponse) -> Result<(), PaymentError> {
    match response.status {
        200 | 204 | 404 => Ok(()),
        403 if is_already_ended(response) => Ok(()),
        _ => Err(error_of(response)),
    }
}

/// Reads a subscription; `None` if there is none.
///
/// # Errors
/// [`PaymentError`] if Polar rejected the request or failed.
pub fn read_subscription(response: &HttpResponse) -> Result<Option<SubscriptionFacts>, PaymentError> {
    Ok(find_one::<SubscriptionBody>(response)?.map(SubscriptionFacts::from))
}

/// Reads a list of subscriptions.
///
/// # Errors
/// [`PaymentError`] if Polar rejected the request or failed.
pub fn read_subscriptions(response: &HttpResponse) -> Result<Vec<SubscriptionFacts>, PaymentError> {
    Ok(list::<SubscriptionBody>(response)?.into_iter().map(SubscriptionFacts::from).collect())
}

/// Reads a list of orders.
///
/// # Errors
/// [`PaymentError`] if Polar rejected the request or failed.
pub fn read_orders(response: &HttpResponse) -> Result<Vec<OrderFacts>, PaymentError> {
    Ok(list::<OrderBody>(response)?.into_iter().map(OrderFacts::from).collect())
}

/// Reads a list of webhook endpoints.
///
/// # Errors
/// [`PaymentError`] if Polar rejected the request or failed.
pub fn read_webhook_endpoints(response: &HttpResponse) -> Result<Vec<WebhookEndpoint>, PaymentError> {
    let endpoint = |body: EndpointBody| WebhookEndpoint { url: body.url, enabled: body.enabled };
    Ok(list(response)?.into_iter().map(endpoint).collect())
}

fn find_one<T: DeserializeOwned>(response: &HttpResponse) -> Result<Option<T>, PaymentError> {
    match response.status {
        200 => parse_body(response).map(Some),
        404 => Ok(None),
        _ => Err(error_of(response)),
    }
}

fn list<T: DeserializeOwned>(response: &HttpResponse) -> Result<Vec<T>, PaymentError> {
    match response.status {
        200 => parse_body(response).map(|list: List<T>| list.items),
        _ => Err(error_of(response)),
    }
}

fn parse_body<T: DeserializeOwned>(response: &HttpResponse) -> Result<T, PaymentError> {
    serde_json::from_slice(&response.body)
        .map_err(|_| PaymentError::Unavailable("the response could not be parsed".to_owned()))
}

/// Converts an error status. 408 and 409, a short lock at Polar, are temporary.
fn error_of(response: &HttpResponse) -> PaymentError {
    match response.status {
        429 => PaymentError::RateLimited { retry_after: response.retry_after_s.map(Duration::from_secs) },
        status @ (408 | 409 | 500..) => PaymentError::Unavailable(format!("status {status}")),
        status => PaymentError::Refused { status },
    }
}

/// Whether a subscription could not be revoked because it has already ended.
fn is_already_ended(response: &HttpResponse) -> bool {
    serde_json::from_slice::<ErrorBody>(&response.body)
        .is_ok_and(|body| body.error == "AlreadyCanceledSubscription")
}

/// Whether a 422 response is about a field. This is how Polar reports a customer that does not exist.
fn is_about(response: &HttpResponse, field: &str) -> bool {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let issues = body["detail"].as_array().map(Vec::as_slice).unwrap_or_default();
    issues.iter().any(|issue| issue["loc"].as_array().is_some_and(|loc| loc.iter().any(|step| step == field)))
}
