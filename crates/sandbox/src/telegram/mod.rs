//! Telegram's Bot API, and a chat page for each bot.
//!
//! Every well-formed token belongs to a bot, which is created on first use. The wire formats follow the source of the Bot
//! API server and its published types.

mod bots;
mod detected_entities;
mod entities;
mod markdown;
mod methods;
mod pages;
mod params;
mod pictures;
mod polls;
mod send;
mod updates;
mod webhook_queue;

pub(crate) use polls::Polls;
pub(crate) use updates::{expedite_updates, prune};
pub(crate) use webhook_queue::Updates;

use axum::{
    Router,
    routing::{any, get, post},
};
use serde_json::json;

use crate::{World, web::ErrorResponse};

/// The routes of the Bot API.
pub(crate) fn api_routes() -> Router<World> {
    Router::new()
        .route("/sandbox/telegram/{bot}/{method}", any(methods::call))
        .route("/sandbox/telegram/file/{bot}/{*path}", get(pictures::download))
        .route("/sandbox/telegram/{bot}", any(|| async { error(404, "Not Found") }))
        .route("/sandbox/telegram/{bot}/{method}/{*rest}", any(|| async { error(404, "Not Found") }))
}

/// The routes of the pages, and their JSON for tests.
pub(crate) fn page_routes() -> Router<World> {
    Router::new()
        .route("/sandbox/telegram/", get(pages::list))
        .route("/sandbox/telegram/bots/{bot_id}", get(pages::chat))
        .route("/sandbox/telegram/bots/{bot_id}/messages", post(pages::post_message).get(pages::messages))
}

/// Telegram's error: `{"ok": false, "error_code": …, "description": …}`.
pub(crate) fn error(status: u16, description: &str) -> ErrorResponse {
    if status == 429 {
        let body = json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry after 1",
            "parameters": {"retry_after": 1}});
        return ErrorResponse::new(429, body).retry_after(1);
    }
    ErrorResponse::new(status, json!({"ok": false, "error_code": status, "description": description}))
}

fn bad_request(what: &str) -> ErrorResponse {
    error(400, &format!("Bad Request: {what}"))
}
