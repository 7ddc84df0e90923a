//! What vendors tell Reef: Polar's webhooks.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reef_domain::ErrorCode;
use reef_service::{Error, Services};

use crate::api::ApiError;

/// The longest webhook taken in; Polar's are a few KiB.
const BODY_MAX: usize = 1024 * 1024;
/// What Polar shows beside a delivery that was refused: its operator has no API key to look for.
const NOT_SIGNED: &str = "The signature is missing, too old, or not made with this endpoint's secret";

/// `POST /webhooks/polar`.
pub fn router(services: Services) -> Router {
    Router::new()
        .route("/webhooks/polar", post(polar))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(services)
}

/// Raw bytes in, 202 out; the work is a job's. A bad signature is 401 and leaves nothing behind.
async fn polar(
    State(services): State<Services>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    match services.receive_polar(&headers, &body).await {
        Err(Error::Unauthorized) => Err(ApiError::plain(ErrorCode::Unauthorized, NOT_SIGNED)),
        received => Ok(received.map(|()| StatusCode::ACCEPTED)?),
    }
}
