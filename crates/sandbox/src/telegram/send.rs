//! The methods `sendMessage` and `sendChatAction`.

use serde_json::{Value, json};
use sqlx::{SqliteConnection, types::Json as SqlJson};

use super::{
    bad_request,
    bots::Bot,
    entities::{self, Parsed},
    markdown,
    params::{MethodResult, Params, integer_param, text_param},
};
use crate::{World, clock::now_ms, web::HandlerResult};

/// Telegram's limit in UTF-16 units, which applies to the text without markup.
pub(super) const TEXT_UNITS_MAX: usize = 4096;
/// Telegram shows an action for five seconds.
const ACTION_MS: i64 = 5_000;
const ACTIONS: [&str; 11] = [
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

/// Validates the text before the chat, as the Bot API server does.
pub(super) async fn send_message(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let Some(raw) = text_param(params, "text") else { return Err(bad_request("message text is empty")) };
    let parsed = parse_text(&raw, params)?.trimmed();
    if parsed.text.is_empty() {
        return Err(bad_request("message text is empty"));
    }
    if parsed.text.encode_utf16().count() > TEXT_UNITS_MAX {
        return Err(bad_request("message is too long"));
    }
    let mut tx = world.db.begin().await?;
    let chat_id = get_chat_id(&mut tx, bot, params).await?;
    let reply_to = find_replied_message(&mut tx, bot, chat_id, params).await?;
    let now = now_ms();
    let message_id = reserve_message_id(&mut tx, bot.id).await?;
    sqlx::query(
        "insert into telegram_messages (bot_id, chat_id, message_id, sender, text, entities, at, reply_to)
         values ($1, $2, $3, 'bot', $4, $5, $6, $7)",
    )
    .bind(bot.id)
    .bind(chat_id)
    .bind(message_id)
    .bind(&parsed.text)
    .bind(SqlJson(&parsed.entities))
    .bind(now)
    .bind(reply_to)
    .execute(&mut *tx)
    .await?;
    sqlx::query("delete from telegram_typing where bot_id = $1 and chat_id = $2")
        .bind(bot.id)
        .bind(chat_id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    let mut message = json!({
        "message_id": message_id, "from": bot.user(), "chat": chat_object(chat_id), "date": now / 1000, "text": parsed.text,
    });
    if !parsed.entities.is_empty() {
        message["entities"] = Value::Array(parsed.entities);
    }
    if let Some(reply_to) = reply_to {
        message["reply_to_message"] = json!({"message_id": reply_to, "chat": chat_object(chat_id)});
    }
    Ok(MethodResult::from_result(message))
}

/// Returns the message that is replied to. A missing one is an error unless `allow_sending_without_reply` is set.
async fn find_replied_message(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat_id: i64,
    params: &Params,
) -> HandlerResult<Option<i64>> {
    let reply = match params.get("reply_parameters") {
        Some(Value::String(json)) => serde_json::from_str(json).unwrap_or(Value::Null),
        Some(value) => value.clone(),
        None => return Ok(None),
    };
    let Some(message_id) = reply["message_id"].as_i64() else {
        return Err(bad_request("can't parse reply parameters JSON object"));
    };
    let is_there: bool = sqlx::query_scalar(
        "select exists (select 1 from telegram_messages where bot_id = $1 and chat_id = $2 and message_id = $3)",
    )
    .bind(bot.id)
    .bind(chat_id)
    .bind(message_id)
    .fetch_one(conn)
    .await?;
    match (is_there, reply["allow_sending_without_reply"] == true) {
        (true, _) => Ok(Some(message_id)),
        (false, true) => Ok(None),
        (false, false) => Err(bad_request("message to be replied not found")),
    }
}

fn parse_text(raw: &str, params: &Params) -> HandlerResult<Parsed> {
    let mode = text_param(params, "parse_mode").unwrap_or_default().to_ascii_lowercase();
    let parsed = match mode.as_str() {
        "" => Ok(Parsed::plain(raw)),
        "html" => entities::parse_html(raw),
        "markdownv2" => markdown::parse_v2(raw),
        "markdown" => markdown::parse_legacy(raw),
        _ => return Err(bad_request("unsupported parse_mode")),
    };
    parsed.map_err(|why| bad_request(&format!("can't parse entities: {why}")))
}

pub(super) async fn send_chat_action(
    world: &World,
    bot: &Bot,
    params: &Params,
) -> HandlerResult<MethodResult> {
    let action = text_param(params, "action").unwrap_or_default();
    if !ACTIONS.contains(&action.as_str()) {
        return Err(bad_request("wrong parameter action in request"));
    }
    let mut tx = world.db.begin().await?;
    let chat_id = get_chat_id(&mut tx, bot, params).await?;
    sqlx::query(
        "insert into telegram_typing (bot_id, chat_id, until) values ($1, $2, $3)
         on conflict (bot_id, chat_id) do update set until = excluded.until",
    )
    .bind(bot.id)
    .bind(chat_id)
    .bind(now_ms() + ACTION_MS)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(MethodResult::from_result(true))
}

/// Returns the chat of a call. A bot can only write to chats that have written to it.
async fn get_chat_id(conn: &mut SqliteConnection, bot: &Bot, params: &Params) -> HandlerResult<i64> {
    if text_param(params, "chat_id").is_none_or(|id| id.trim().is_empty()) {
        return Err(bad_request("chat_id is empty"));
    }
    let chat_id = integer_param(params, "chat_id").ok_or_else(|| bad_request("chat not found"))?;
    let known: bool = sqlx::query_scalar(
        "select exists (select 1 from telegram_messages where bot_id = $1 and chat_id = $2)",
    )
    .bind(bot.id)
    .bind(chat_id)
    .fetch_one(conn)
    .await?;
    if known { Ok(chat_id) } else { Err(bad_request("chat not found")) }
}

/// Reserves the next message id of a bot.
pub(super) async fn reserve_message_id(conn: &mut SqliteConnection, bot_id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "update telegram_bots set next_message = next_message + 1 where id = $1 returning next_message - 1",
    )
    .bind(bot_id)
    .fetch_one(conn)
    .await
}

/// Renders the `Chat` object. A positive id is a person, a negative one a group.
pub(super) fn chat_object(chat_id: i64) -> Value {
    if chat_id > 0 {
        json!({"id": chat_id, "first_name": format!("Person {chat_id}"), "type": "private"})
    } else {
        json!({"id": chat_id, "title": format!("Group {}", -chat_id), "type": "group"})
    }
}
