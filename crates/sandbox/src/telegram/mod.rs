//! Telegram's Bot API, and a chat page for each bot.
//!
//! Every well-formed token belongs to a bot, which is created on first use. The wire formats follow the source of the Bot
//! API server and its published types.

mod bots;
mod bubbles;
mod chat_page;
mod chats;
mod commands;
mod detected_entities;
mod drafts;
mod edit;
mod entities;
mod files;
mod flood;
mod form_body;
mod given_entities;
mod given_text;
mod groups;
mod incoming;
mod markdown;
mod markup;
mod media;
mod messages;
mod methods;
mod multipart;
mod nested_entities;
mod pages;
mod params;
mod pictures;
mod polls;
mod receive;
mod rich_text;
mod send;
mod send_media;
mod updates;
mod webhook_queue;

pub(crate) use flood::FloodControl;
pub(crate) use polls::Polls;
pub(crate) use updates::{expedite_updates, prune};
pub(crate) use webhook_queue::Updates;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{any, get, post},
};
use serde_json::json;

use crate::{World, web::ErrorResponse};

/// The routes of the Bot API.
pub(crate) fn api_routes() -> Router<World> {
    Router::new()
        .route("/sandbox/telegram/{bot}/{method}", any(methods::call))
        .route("/sandbox/telegram/file/{bot}/{*path}", get(files::download))
        .route("/sandbox/telegram/{bot}", any(|| async { error(404, "Not Found") }))
        .route("/sandbox/telegram/{bot}/{method}/{*rest}", any(|| async { error(404, "Not Found") }))
}

/// The routes of the pages, and their JSON for tests.
pub(crate) fn page_routes() -> Router<World> {
    Router::new()
        .route("/sandbox/telegram/", get(pages::list))
        .route("/sandbox/telegram/bots/{bot_id}", get(chat_page::chat))
        .route("/sandbox/telegram/bots/{bot_id}/files/{message_id}", get(chat_page::file))
        .route("/sandbox/telegram/bots/{bot_id}/messages", post(incoming::post_message).get(pages::messages))
        .route("/sandbox/telegram/bots/{bot_id}/callback-queries", post(incoming::post_callback_query))
        .route("/sandbox/telegram/bots/{bot_id}/chats", post(incoming::post_chat))
        .route("/sandbox/telegram/bots/{bot_id}/migrations", post(incoming::post_migration))
        .layer(DefaultBodyLimit::max(incoming::BODY_BYTES_MAX))
}

/// Telegram's error: `{"ok": false, "error_code": …, "description": …}`.
pub(crate) fn error(status: u16, description: &str) -> ErrorResponse {
    if status == 429 {
        return flood_error(1);
    }
    ErrorResponse::new(status, json!({"ok": false, "error_code": status, "description": description}))
}

/// The error after too many calls, with the wait in seconds.
fn flood_error(seconds: u32) -> ErrorResponse {
    let body = json!({"ok": false, "error_code": 429,
        "description": format!("Too Many Requests: retry after {seconds}"), "parameters": {"retry_after": seconds}});
    ErrorResponse::new(429, body).retry_after(seconds)
}

fn bad_request(what: &str) -> ErrorResponse {
    error(400, &format!("Bad Request: {what}"))
}
