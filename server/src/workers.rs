//! Where the embedded workers are reached.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use reef_domain::Chain;
use reef_embedded::Embedded;
use serde_json::json;

/// The longest update taken in; Telegram's texts have at most 4,096 characters.
const BODY_MAX: usize = 256 * 1024;
/// When Telegram is asked to come back.
const RETRY_SOON: [(HeaderName, &str); 1] = [(header::RETRY_AFTER, "5")];
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// `/workers/{workerName}`: the worker's health, and Telegram's webhook.
pub fn router(workers: Embedded) -> Router {
    Router::new()
        .route("/workers/{worker}", get(health))
        .route("/workers/{worker}/healthz", get(health))
        .route("/workers/{worker}/telegram", post(telegram))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(workers)
}

async fn health(State(workers): State<Embedded>, Path(worker): Path<String>) -> Response {
    let (status, word) = match workers.is_known(&worker).await {
        Ok(true) => (StatusCode::OK, "ok"),
        Ok(false) => (StatusCode::NOT_FOUND, "unknown worker"),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "a worker could not be looked up");
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        }
    };
    (status, Json(json!({ "status": word }))).into_response()
}

/// The update is kept before it is answered; the turn is run after.
async fn telegram(
    State(workers): State<Embedded>,
    Path(worker): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let secret = headers.get(SECRET_HEADER).and_then(|value| value.to_str().ok());
    let received = workers.receive(&worker, secret, &body).await;
    let status = StatusCode::from_u16(received.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match status {
        // Telegram takes our word for when to come back; else it doubles its own delay.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            (status, RETRY_SOON).into_response()
        }
        _ => status.into_response(),
    }
}
