//! The HTTP endpoints of the embedded workers.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use reef_domain::ErrorChain;
use reef_workers::embedded::{Embedded, WebhookOutcome};
use serde_json::json;

use crate::http::bodies::declared_length;

/// The largest update that is accepted, in bytes. A text in Telegram has at most 4,096 characters.
const BODY_MAX: usize = 256 * 1024;
/// How many seconds Telegram should wait before it sends a rejected update again.
const RETRY_AFTER: [(HeaderName, &str); 1] = [(header::RETRY_AFTER, "5")];
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// Serves `/workers/{workerName}`: the health of the worker and the webhook of its bot.
pub fn router(workers: Embedded) -> Router {
    Router::new()
        .route("/workers/{worker}", get(health))
        .route("/workers/{worker}/healthz", get(health))
        .route("/workers/{worker}/telegram", post(receive_update))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(workers)
}

async fn health(State(workers): State<Embedded>, Path(worker): Path<String>) -> Response {
    let (status, status_text) = match workers.has_worker(&worker).await {
        Ok(true) => (StatusCode::OK, "ok"),
        Ok(false) => (StatusCode::NOT_FOUND, "unknown worker"),
        Err(error) => {
            tracing::error!(error = %ErrorChain(&error), "worker could not be read");
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        }
    };
    (status, Json(json!({ "status": status_text }))).into_response()
}

/// Stores an update before it answers; the turn runs later. The secret is verified before the body is read.
async fn receive_update(
    State(workers): State<Embedded>,
    Path(worker): Path<String>,
    request: Request,
) -> Response {
    let secret =
        request.headers().get(SECRET_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let secret = secret.as_deref();
    if let Err(refused) = workers.verify_webhook(&worker, secret).await {
        return respond(refused);
    }
    if declared_length(request.headers()).is_some_and(|length| length > BODY_MAX) {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    match Bytes::from_request(request, &()).await {
        Ok(body) => respond(workers.receive(&worker, secret, &body).await),
        Err(unread) => unread.into_response(),
    }
}

fn respond(received: WebhookOutcome) -> Response {
    let status = StatusCode::from_u16(received.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match status {
        // Telegram respects `Retry-After`; without it, Telegram doubles its own delay.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            (status, RETRY_AFTER).into_response()
        }
        _ => status.into_response(),
    }
}
