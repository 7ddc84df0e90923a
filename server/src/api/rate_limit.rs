//! The `RateLimit` headers, which tell a client how much of its quota is left.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use reef_service::throttling::{Quota, WINDOW};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Carries the quota from the extractor that authenticates the key to the layer that writes the headers.
#[derive(Clone, Default)]
pub struct QuotaSlot(pub Arc<OnceLock<Quota>>);

/// Adds the quota that the request's key has left (draft-ietf-httpapi-ratelimit-headers).
pub async fn add_headers(mut request: Request, next: Next) -> Response {
    let slot = QuotaSlot::default();
    request.extensions_mut().insert(slot.clone());
    let mut response = next.run(request).await;
    if let Some(quota) = slot.0.get() {
        let policy = format!("\"default\";q={};w={}", quota.limit, WINDOW.as_secs());
        let state = format!("\"default\";r={};t={}", quota.remaining, quota.resets_in_seconds);
        for (name, text) in [(POLICY, policy), (STATE, state)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}
