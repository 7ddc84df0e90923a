//! Receives the inbound webhooks of Polar. Telegram's are received in `workers`.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use reef_domain::{ErrorCode, Timestamp};
use reef_protocols::polar::WebhookHeaders;
use reef_service::{Error, Services};

use crate::api_error::ApiError;
use crate::http::bodies::declared_length;

/// The largest webhook body that is accepted, in bytes; Polar's have a few KiB.
const BODY_MAX: usize = 1024 * 1024;
/// Polar shows this message to the operator next to a rejected delivery, so it is about the signature and not about API keys.
const NOT_SIGNED: &str =
    "The webhook signature is missing, expired, or does not match this endpoint's secret.";

/// Serves the endpoint `POST /webhooks/polar`.
pub fn router(services: Services) -> Router {
    Router::new()
        .route("/webhooks/polar", post(receive_polar))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(services)
}

/// Stores a webhook and answers 202; a job processes it. An invalid signature is answered with 401 and stores nothing. If the
/// headers alone show that it is invalid, the body is not read.
async fn receive_polar(State(services): State<Services>, request: Request) -> Result<StatusCode, Response> {
    let not_signed = || ApiError::new(ErrorCode::Unauthorized, NOT_SIGNED).into_response();
    let headers = request.headers().clone();
    let has_secret = services.config().polar_webhook_secret.is_some();
    let Some(signature) = find_signature(&headers, services.now()).filter(|_| has_secret) else {
        return Err(not_signed());
    };
    if declared_length(&headers).is_some_and(|length| length > BODY_MAX) {
        return Err(ApiError::body_too_large(BODY_MAX).into_response());
    }
    let body =
        Bytes::from_request(request, &()).await.map_err(axum::response::IntoResponse::into_response)?;
    match services.receive_polar(&signature, &body).await {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(Error::Unauthorized) => Err(not_signed()),
        Err(error) => Err(ApiError::from(error).into_response()),
    }
}

/// The signature in the headers, if it has the form and the time of a valid one.
fn find_signature(headers: &HeaderMap, now: Timestamp) -> Option<WebhookHeaders> {
    let header = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
    let signature = WebhookHeaders {
        id: header("webhook-id")?,
        timestamp: header("webhook-timestamp")?,
        signature: header("webhook-signature")?,
    };
    signature.may_be_signed(now).then_some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_767_225_600;
    const GOOD: &str = "v1,jBfrjn6H9N+5ow2pV1/Yb6SjRV7IafgN8QedbtZdC08=";

    fn may_be(id: &str, timestamp: &str, signature: &str) -> bool {
        let pairs = [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)];
        let headers = pairs.into_iter().filter(|(_, value)| *value != "…");
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        find_signature(&headers, Timestamp::from_unix_ms(NOW_S * 1000)).is_some()
    }

    #[test]
    fn headers_of_invalid_webhook_are_rejected() {
        let now = NOW_S.to_string();
        for good in [GOOD, &format!("v1,AAAA {GOOD}"), &format!("v2,x {GOOD} v1,y")] {
            assert!(may_be("id", &now, good), "{good}");
        }
        for bad in ["…", "", "v1,", "v1,AAAA", &GOOD[3..], "v1, jBfrjn6H9N+5ow2pV1/Yb6SjRV7IafgN8QedbtZdC08="]
        {
            assert!(!may_be("id", &now, bad), "{bad}");
        }
        for (at, expected) in
            [(NOW_S + 300, true), (NOW_S - 300, true), (NOW_S + 301, false), (NOW_S - 301, false)]
        {
            assert_eq!(may_be("id", &at.to_string(), GOOD), expected, "{at}");
        }
        for (id, timestamp) in
            [("…", &*now), ("", &now), (&"x".repeat(256), &now), ("id", "…"), ("id", "soon"), ("id", "")]
        {
            assert!(!may_be(id, timestamp, GOOD), "{id:.10} {timestamp}");
        }
    }
}
