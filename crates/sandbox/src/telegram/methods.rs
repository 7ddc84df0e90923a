//! The methods at `/bot<token>/<method>`: dispatch and webhooks.

use std::{net::IpAddr, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::IntoResponse,
};
use serde_json::{Value, json};
use sqlx::types::Json as SqlJson;
use url::{Host, Url};

use super::{
    bad_request,
    bots::{self, Bot, TokenFailure, parse_token},
    chats, commands, drafts, edit, error, files,
    multipart::File,
    params::{MethodResult, Params, flag_param, integer_param, parse_params, parse_strings, text_param},
    pictures, send, send_media, updates,
};
use crate::{World, web::HandlerResult};

/// How long `setWebhook` of a `stuck` token blocks.
const STUCK_DELAY: Duration = Duration::from_secs(600);

/// Handles a method call by GET or POST. Method names are case-insensitive.
pub(super) async fn call(
    State(world): State<World>,
    Path((bot, method)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> HandlerResult {
    let token = bot.strip_prefix("bot").ok_or_else(|| error(404, "Not Found"))?;
    let (id, magic) = parse_token(token)?;
    if magic == TokenFailure::Revoked {
        return Err(error(401, "Unauthorized"));
    }
    let (params, files) = parse_params(query.as_deref(), &headers, body).await?;
    let outcome = dispatch(&world, id, magic, &method, &params, files).await?;
    let mut answer = json!({"ok": true, "result": outcome.result});
    if let Some(description) = outcome.description {
        answer["description"] = json!(description);
    }
    Ok(Json(answer).into_response())
}

async fn dispatch(
    world: &World,
    id: i64,
    magic: TokenFailure,
    method: &str,
    params: &Params,
    files: Vec<File>,
) -> HandlerResult<MethodResult> {
    let mut conn = world.db.acquire().await?;
    let bot = bots::get_or_create(&mut conn, id).await?;
    drop(conn);
    match method.to_ascii_lowercase().as_str() {
        "getme" => Ok(MethodResult::from_result(bot.full_user())),
        "setwebhook" => match magic {
            TokenFailure::Conflict => Err(error(409, "Conflict: terminated by other setWebhook")),
            TokenFailure::Stuck => {
                let _ = tokio::time::timeout(STUCK_DELAY, world.stop.cancelled()).await;
                Err(error(500, "Internal Server Error: request timed out"))
            }
            _ => set_webhook(world, &bot, params).await,
        },
        "deletewebhook" if magic == TokenFailure::Stubborn => Err(error(500, "Internal Server Error")),
        "deletewebhook" => delete_webhook(world, &bot, params).await,
        "getwebhookinfo" => webhook_info(world, &bot).await,
        "getupdates" => updates::get_updates(world, &bot, params).await,
        "sendmessage" => send::send_message(world, &bot, params).await,
        "sendphoto" => send_media::send(world, &bot, params, files, "photo").await,
        "senddocument" => send_media::send(world, &bot, params, files, "document").await,
        "sendvoice" => send_media::send(world, &bot, params, files, "voice").await,
        "sendaudio" => send_media::send(world, &bot, params, files, "audio").await,
        "sendvideo" => send_media::send(world, &bot, params, files, "video").await,
        "sendvideonote" => send_media::send(world, &bot, params, files, "video_note").await,
        "sendsticker" => send_media::send(world, &bot, params, files, "sticker").await,
        "sendchataction" => send::send_chat_action(world, &bot, params).await,
        "sendmessagedraft" => drafts::send_message_draft(world, &bot, params).await,
        "editmessagetext" => edit::edit_text(world, &bot, params).await,
        "editmessagereplymarkup" => edit::edit_markup(world, &bot, params).await,
        "deletemessage" => edit::delete_message(world, &bot, params).await,
        "setmessagereaction" => edit::set_reaction(world, &bot, params).await,
        "answercallbackquery" => edit::answer_callback(world, &bot, params).await,
        "getchat" => chats::get_chat(world, &bot, params).await,
        "getchatmember" => chats::get_chat_member(world, &bot, params).await,
        "setmycommands" => commands::set(world, &bot, params).await,
        "getmycommands" => commands::get(world, &bot, params).await,
        "deletemycommands" => commands::delete(world, &bot, params).await,
        "getuserprofilephotos" => pictures::get_user_profile_photos(&bot, params),
        "getfile" => files::get_file(world, &bot, params).await,
        _ => Err(error(404, "Not Found: method not found")),
    }
}

/// Runs the method call that the response to a webhook may contain. Like Telegram, this drops its result.
pub(super) async fn run_webhook_reply(world: &World, id: i64, mut params: Params) {
    let Some(Value::String(method)) = params.shift_remove("method") else { return };
    let lower = method.to_ascii_lowercase();
    if lower.starts_with("get") || lower.ends_with("webhook") {
        return;
    }
    if let Err(refusal) =
        Box::pin(dispatch(world, id, TokenFailure::None, &method, &params, Vec::new())).await
    {
        tracing::info!(bot = id, method, status = refusal.status, "method call in a webhook response failed");
    }
}

async fn set_webhook(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let url = text_param(params, "url").unwrap_or_default();
    if url.is_empty() {
        return delete_webhook(world, bot, params).await;
    }
    check_webhook_url(&url)?;
    let secret = text_param(params, "secret_token").filter(|secret| !secret.is_empty());
    if let Some(secret) = &secret {
        let fine = secret.len() <= 256
            && secret.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
        if !fine {
            return Err(bad_request("secret token contains unallowed characters"));
        }
    }
    let connections = match params.get("max_connections") {
        None => bot.max_connections,
        Some(_) => integer_param(params, "max_connections")
            .filter(|count| (1..=100).contains(count))
            .ok_or_else(|| bad_request("max_connections must be between 1 and 100"))?,
    };
    // Telegram keeps the previous list if the parameter is absent.
    let allowed = match params.get("allowed_updates") {
        None => bot.allowed_updates.clone(),
        Some(list) => {
            parse_strings(list).ok_or_else(|| bad_request("can't parse allowed updates JSON object"))?
        }
    };
    let unchanged = bot.webhook_url.as_ref() == Some(&url)
        && bot.secret_token == secret
        && bot.allowed_updates == allowed
        && bot.max_connections == connections;
    let mut tx = world.db.begin().await?;
    sqlx::query(
        "update telegram_bots set webhook_url = $2, secret_token = $3, allowed_updates = $4, max_connections = $5,
           last_error_at = null, last_error = null where id = $1",
    )
    .bind(bot.id)
    .bind(url)
    .bind(secret)
    .bind(SqlJson(allowed))
    .bind(connections)
    .execute(&mut *tx)
    .await?;
    updates::handle_webhook_change(&mut tx, bot.id, flag_param(params, "drop_pending_updates")).await?;
    tx.commit().await?;
    world.telegram_updates.notify_one();
    world.telegram_polls.wake(bot.id);
    let description = if unchanged { "Webhook is already set" } else { "Webhook was set" };
    Ok(MethodResult { result: json!(true), description: Some(description) })
}

/// Telegram requires HTTPS on one of four ports. The sandbox also accepts HTTP to loopback addresses, because Reef runs on
/// the same machine.
fn check_webhook_url(url: &str) -> HandlerResult<()> {
    let refuse = |why: &str| Err(bad_request(&format!("bad webhook: {why}")));
    let Ok(url) = Url::parse(url) else { return refuse("invalid webhook URL specified") };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => return refuse("invalid webhook URL specified"),
    };
    match url.scheme() {
        "http" if loopback => Ok(()),
        "https" if loopback => refuse("IP address 127.0.0.1 is reserved"),
        "https" if matches!(url.port_or_known_default(), Some(80 | 88 | 443 | 8443)) => Ok(()),
        "https" => refuse("Webhook can be set up only on ports 80, 88, 443 or 8443"),
        _ => refuse("An HTTPS URL must be provided for webhook"),
    }
}

async fn delete_webhook(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let mut tx = world.db.begin().await?;
    sqlx::query(
        "update telegram_bots set webhook_url = null, secret_token = null, last_error_at = null, last_error = null
         where id = $1",
    )
    .bind(bot.id)
    .execute(&mut *tx)
    .await?;
    updates::handle_webhook_change(&mut tx, bot.id, flag_param(params, "drop_pending_updates")).await?;
    tx.commit().await?;
    world.telegram_polls.wake(bot.id);
    let description =
        if bot.webhook_url.is_some() { "Webhook was deleted" } else { "Webhook is already deleted" };
    Ok(MethodResult { result: json!(true), description: Some(description) })
}

async fn webhook_info(world: &World, bot: &Bot) -> HandlerResult<MethodResult> {
    let pending: i64 = sqlx::query_scalar("select count(*) from telegram_updates where bot_id = $1")
        .bind(bot.id)
        .fetch_one(&world.db)
        .await?;
    let mut info = json!({
        "url": bot.webhook_url.as_deref().unwrap_or_default(), "has_custom_certificate": false,
        "pending_update_count": pending,
    });
    if bot.webhook_url.is_some() {
        info["max_connections"] = json!(bot.max_connections);
        info["ip_address"] = json!("127.0.0.1");
    }
    if let (Some(at), Some(error)) = (bot.last_error_at, &bot.last_error) {
        info["last_error_date"] = json!(at / 1000);
        info["last_error_message"] = json!(error);
    }
    if bot.allowed_updates.as_array().is_some_and(|list| !list.is_empty()) {
        info["allowed_updates"] = bot.allowed_updates.clone();
    }
    Ok(MethodResult::from_result(info))
}
