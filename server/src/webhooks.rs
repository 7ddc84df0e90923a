//! Receives the inbound webhooks of Polar. Telegram's are received in `workers`.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reef_domain::{ErrorCode, Timestamp};
use reef_service::{Error, Services};

use crate::api_error::ApiError;
use crate::http::forms::declared_length;

/// The largest webhook body that is accepted, in bytes; Polar's have a few KiB.
const BODY_MAX: usize = 1024 * 1024;
/// How far a webhook's timestamp may be from the current time, in seconds (Standard Webhooks).
const TOLERANCE_SECONDS: u64 = 300;
const ID_MAX: usize = 255;
/// The length of a signature, which is an HMAC with SHA-256.
const SIGNATURE_BYTES: usize = 32;
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
    if services.config().polar_webhook_secret.is_none() || !may_be_signed(&headers, services.now()) {
        return Err(not_signed());
    }
    if declared_length(&headers).is_some_and(|length| length > BODY_MAX) {
        return Err(ApiError::body_too_large(BODY_MAX).into_response());
    }
    let body =
        Bytes::from_request(request, &()).await.map_err(axum::response::IntoResponse::into_response)?;
    match services.receive_polar(&headers, &body).await {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(Error::Unauthorized) => Err(not_signed()),
        Err(error) => Err(ApiError::from(error).into_response()),
    }
}

/// Whether the headers have the form and the time of a valid signed webhook.
fn may_be_signed(headers: &HeaderMap, now: Timestamp) -> bool {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(timestamp), Some(signatures)) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
    else {
        return false;
    };
    let is_recent = |at: i64| at.abs_diff(now.unix_seconds()) <= TOLERANCE_SECONDS;
    let is_signature = |text: &str| {
        let digest = text.strip_prefix("v1,").and_then(|digest| BASE64_STANDARD.decode(digest).ok());
        digest.is_some_and(|digest| digest.len() == SIGNATURE_BYTES)
    };
    (1..=ID_MAX).contains(&id.len())
        && timestamp.parse().is_ok_and(is_recent)
        && signatures.split(' ').any(is_signature)
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
        may_be_signed(&headers, Timestamp::from_unix_ms(NOW_S * 1000))
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
