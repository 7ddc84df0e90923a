//! The endpoints with which people and tests act in a chat: `messages`, `callback-queries` and `chats` of a bot.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect},
};
use maud::html;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    entities::utf16_len,
    files::FILE_BYTES_MAX,
    form_body::{Body, read_body},
    given_text::{CAPTION_UNITS_MAX, TEXT_UNITS_MAX},
    groups,
    media::{KINDS, Upload},
    multipart::File,
    pages::get_bot,
    receive::{self, Press, Written},
};
use crate::{
    World,
    clock::parse_rfc3339,
    page::page,
    web::{HandlerResult, error_response},
};

/// A body has a file, and the fields around it.
pub(super) const BODY_BYTES_MAX: usize = FILE_BYTES_MAX + 64 * 1024;
/// The fields of a message, from JSON or a form.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    chat_id: i64,
    text: Option<String>,
    caption: Option<String>,
    user_id: Option<i64>,
    chat_type: Option<String>,
    thread_id: Option<i64>,
    reply_to_message_id: Option<i64>,
    quote: Option<String>,
    edit_of_message_id: Option<i64>,
    date: Option<Value>,
    media_group_id: Option<Value>,
    kind: Option<String>,
    duration: Option<i64>,
}

/// Responds to a program with JSON, and to a page's form with a page.
fn respond(bot_id: &str, back: Option<String>, outcome: HandlerResult<Value>) -> HandlerResult {
    let Some(back) = back else {
        return Ok(Json(json!({"data": outcome?})).into_response());
    };
    let chat = format!("/sandbox/telegram/bots/{bot_id}{back}");
    match outcome {
        // The anchor scrolls to the text field, which follows the newest message.
        Ok(_) => Ok(Redirect::to(&format!("{chat}#text")).into_response()),
        Err(refusal) => {
            let message =
                refusal.body["error"]["message"].as_str().unwrap_or("The sandbox has refused this.");
            Ok(page(
                refusal.status,
                "Not sent",
                &html! {
                    p.error role="alert" { (message) }
                    p { a href=(chat) { "Back to the chat" } }
                },
            ))
        }
    }
}

fn parse_fields<T: serde::de::DeserializeOwned>(fields: Map<String, Value>) -> HandlerResult<T> {
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| error_response(400, &format!("The body has an invalid field: {error}.")))
}

/// `POST …/bots/{botId}/messages`: writes to the bot, from JSON such as `{"chatId": 1, "text": "hello"}`, or a form with a
/// file.
pub(super) async fn post_message(
    State(world): State<World>,
    Path(bot_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> HandlerResult {
    let Body { fields, file, back } = read_body(&headers, body).await?;
    let outcome = write(&world, &bot_id, fields, file).await;
    respond(&bot_id, back, outcome)
}

async fn write(
    world: &World,
    bot_id: &str,
    fields: Map<String, Value>,
    file: Option<File>,
) -> HandlerResult<Value> {
    let fields: Fields = parse_fields(fields)?;
    let is_bare_photo = fields.caption.is_some() && file.is_none() && fields.edit_of_message_id.is_none();
    let mut written = to_written(fields, file)?;
    let mut tx = world.db.begin().await?;
    let bot = get_bot(&mut tx, bot_id).await?;
    if is_bare_photo {
        // A caption without a file belongs to a photo, which is the bot's own picture.
        written.file = Some(Upload {
            kind: "photo",
            name: String::new(),
            mime: String::new(),
            bytes: bot.picture().to_vec(),
            duration: None,
        });
    }
    let listed = receive::write(&mut tx, &bot, written).await?;
    tx.commit().await?;
    wake(world, bot.id);
    Ok(json!({"messageId": listed["messageId"], "chatId": listed["chatId"], "threadId": listed["threadId"],
        "userId": listed["userId"], "file": listed["file"]}))
}

/// Starts the delivery of new updates.
fn wake(world: &World, bot_id: i64) {
    world.telegram_updates.notify_one();
    world.telegram_polls.wake(bot_id);
}

fn to_written(fields: Fields, file: Option<File>) -> HandlerResult<Written> {
    let is_captioned = file.is_some() || fields.caption.is_some();
    if fields.text.as_deref().is_some_and(|text| !text.is_empty()) && fields.caption.is_some() {
        return Err(error_response(400, "A message needs either text or, with a file, caption."));
    }
    if fields.text.is_none() && !is_captioned {
        return Err(error_response(400, "A message needs either text or, with a file, caption."));
    }
    let words = fields.caption.or(fields.text).unwrap_or_default().trim().to_owned();
    let units_max = if is_captioned { CAPTION_UNITS_MAX } else { TEXT_UNITS_MAX };
    if (words.is_empty() && file.is_none()) || utf16_len(&words) > units_max {
        return Err(error_response(400, "text must have 1 to 4096 UTF-16 units, and caption 1 to 1024."));
    }
    let id = |name: &str, value: Option<i64>| match value {
        Some(id) if id <= 0 => Err(error_response(400, &format!("{name} must be a positive integer."))),
        id => Ok(id),
    };
    let media_group_id = match fields.media_group_id {
        None => None,
        Some(Value::String(text)) if (1..=64).contains(&text.len()) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) => return Err(error_response(400, "mediaGroupId must be a short text.")),
    };
    let file = file.map(|file| to_upload(file, fields.kind.as_deref(), fields.duration)).transpose()?;
    Ok(Written {
        chat_id: fields.chat_id,
        user_id: id("userId", fields.user_id)?,
        chat_type: fields.chat_type,
        thread_id: id("threadId", fields.thread_id)?,
        reply_to: id("replyToMessageId", fields.reply_to_message_id)?,
        quote: fields.quote,
        edit_of: id("editOfMessageId", fields.edit_of_message_id)?,
        date: fields.date.as_ref().map(parse_date).transpose()?,
        media_group_id,
        words,
        file,
    })
}

/// Parses a date, which is in seconds since 1970 or RFC 3339.
fn parse_date(date: &Value) -> HandlerResult<i64> {
    let seconds = match date {
        Value::String(text) => text.parse().ok().or_else(|| Some(parse_rfc3339(text)?.div_euclid(1000))),
        date => date.as_i64(),
    };
    // Telegram's dates have 31 bits.
    seconds
        .filter(|seconds| (1..=i64::from(i32::MAX)).contains(seconds))
        .ok_or_else(|| error_response(400, "date must be in seconds since 1970, or as 2026-01-31T12:00:00Z."))
}

fn to_upload(file: File, kind: Option<&str>, duration: Option<i64>) -> HandlerResult<Upload> {
    let kind = match kind {
        None => "document",
        Some(kind) => KINDS
            .into_iter()
            .find(|known| *known == kind)
            .ok_or_else(|| error_response(400, &format!("kind must be one of {}.", KINDS.join(", "))))?,
    };
    if file.bytes.len() > FILE_BYTES_MAX {
        return Err(error_response(413, "A file can have up to 50 MB."));
    }
    Ok(Upload::new(kind, file, duration.filter(|seconds| *seconds >= 0)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PressFields {
    chat_id: i64,
    message_id: i64,
    data: String,
    user_id: Option<i64>,
    // What the page's form sends to find its way back.
    #[serde(rename = "threadId")]
    _thread_id: Option<i64>,
    #[serde(rename = "chatType")]
    _chat_type: Option<String>,
}

/// `POST …/bots/{botId}/callback-queries`: presses a button of a message.
pub(super) async fn post_callback_query(
    State(world): State<World>,
    Path(bot_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> HandlerResult {
    let Body { fields, back, .. } = read_body(&headers, body).await?;
    let outcome = press(&world, &bot_id, fields).await;
    respond(&bot_id, back, outcome)
}

async fn press(world: &World, bot_id: &str, fields: Map<String, Value>) -> HandlerResult<Value> {
    let PressFields { chat_id, message_id, data, user_id, .. } = parse_fields(fields)?;
    let mut tx = world.db.begin().await?;
    let bot = get_bot(&mut tx, bot_id).await?;
    let id = receive::press(&mut tx, &bot, &Press { chat_id, message_id, data, user_id }).await?;
    tx.commit().await?;
    wake(world, bot.id);
    Ok(json!({"callbackQueryId": id}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChatFields {
    chat_id: i64,
    chat_type: Option<String>,
    added_by: i64,
}

/// `POST …/bots/{botId}/chats`: adds the bot to a group.
pub(super) async fn post_chat(
    State(world): State<World>,
    Path(bot_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> HandlerResult {
    let Body { fields, back, .. } = read_body(&headers, body).await?;
    let outcome = add(&world, &bot_id, fields).await;
    respond(&bot_id, back, outcome)
}

async fn add(world: &World, bot_id: &str, fields: Map<String, Value>) -> HandlerResult<Value> {
    let ChatFields { chat_id, chat_type, added_by } = parse_fields(fields)?;
    let kind = chat_type.unwrap_or_else(|| "group".to_owned());
    let mut tx = world.db.begin().await?;
    let bot = get_bot(&mut tx, bot_id).await?;
    let message_id = groups::add_bot(&mut tx, &bot, chat_id, &kind, added_by).await?;
    tx.commit().await?;
    wake(world, bot.id);
    Ok(json!({"chatId": chat_id, "chatType": kind, "addedBy": added_by, "messageId": message_id}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MigrationFields {
    chat_id: i64,
    to_chat_id: i64,
}

/// `POST …/bots/{botId}/migrations`: turns a group into a supergroup.
pub(super) async fn post_migration(
    State(world): State<World>,
    Path(bot_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> HandlerResult {
    let Body { fields, .. } = read_body(&headers, body).await?;
    let MigrationFields { chat_id, to_chat_id } = parse_fields(fields)?;
    let mut tx = world.db.begin().await?;
    let bot = get_bot(&mut tx, &bot_id).await?;
    groups::migrate(&mut tx, &bot, chat_id, to_chat_id).await?;
    tx.commit().await?;
    wake(&world, bot.id);
    Ok(Json(json!({"data": {"chatId": chat_id, "toChatId": to_chat_id}})).into_response())
}
