//! One id and one log line per request.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use reef_service::Services;
use tracing::Instrument as _;

const HEADER: &str = "x-request-id";
/// The longest inbound id that is kept.
const ID_MAX: usize = 128;

/// Keeps a valid inbound `X-Request-Id` or makes one; everything logged for the request carries it, and so does
/// the answer.
pub async fn identify(State(services): State<Services>, request: Request, next: Next) -> Response {
    let inbound = request.headers().get(HEADER).filter(|value| is_valid(value)).cloned();
    let id = inbound.unwrap_or_else(|| {
        HeaderValue::from_str(&services.new_uuid().to_string()).expect("a UUID is visible ASCII")
    });
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    // The path itself may carry a secret (the sandbox's bot tokens): only the route is logged.
    let span = tracing::info_span!(
        "request",
        request_id = id.to_str().unwrap_or_default(),
        method = %request.method(),
        route,
        user_id = tracing::field::Empty,
    );
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    response.headers_mut().insert(HEADER, id);
    let (status, ms) = (response.status().as_u16(), started.elapsed().as_millis());
    span.in_scope(|| tracing::info!(status, ms, "answered"));
    response
}

fn is_valid(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=ID_MAX).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
