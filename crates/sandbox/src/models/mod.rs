//! The model providers: one scripted model behind the wire formats of four vendors.

pub(crate) mod anthropic;
mod completion;
mod conversation;
pub(crate) mod google;
mod key_kind;
pub(crate) mod openai;
pub(crate) mod openrouter;
mod script;
mod shown;
mod stream;

use axum::{Router, extract::DefaultBodyLimit, routing::get, routing::post};

use crate::World;

/// The maximum size of a request, which may contain pictures and documents: OpenAI's limit, the highest of the vendors.
pub(crate) const BODY_BYTES_MAX: usize = 50 * 1024 * 1024;

pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/sandbox/anthropic/v1/messages", post(anthropic::messages))
        .route("/sandbox/anthropic/v1/messages/count_tokens", post(anthropic::count_tokens))
        .route("/sandbox/anthropic/v1/models", get(anthropic::models))
        .route("/sandbox/anthropic/v1/models/{*id}", get(anthropic::model))
        .route(
            "/sandbox/anthropic/{*rest}",
            axum::routing::any(|| async { anthropic::error(404, "Not found") }),
        )
        .merge(openai::routes("/sandbox/openai/v1"))
        // A base URL without the version works too.
        .merge(openai::routes("/sandbox/openai"))
        .route("/sandbox/openai/{*rest}", axum::routing::any(|| async { openai::error(404, "Invalid URL") }))
        .route("/sandbox/google/v1beta/models", get(google::models))
        .route("/sandbox/google/v1beta/models/{*rest}", get(google::model).post(google::generate))
        .route("/sandbox/google/{*rest}", axum::routing::any(|| async { google::error(404, "Not Found") }))
        .merge(openrouter::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}
