//! The endpoints with which people and tests act in a chat: `messages`, `callback-queries` and `chats` of a bot.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest as _, Multipart, Path, Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    entities::utf16_len,
    files::FILE_BYTES_MAX,
    media::{KINDS, Upload},
    pages::get_bot,
    receive::{self, Press, Written},
    send::TEXT_UNITS_MAX,
};
use crate::{
    World,
    clock::parse_rfc3339,
    web::{HandlerResult, error_response, is_json, parse_pairs},
};

/// Telegram limits captions to 1,024 UTF-16 units.
const CAPTION_UNITS_MAX: usize = 1024;
/// A body has a file, and the fields around it.
pub(super) const BODY_BYTES_MAX: usize = FILE_BYTES_MAX + 64 * 1024;
/// The fields that are integers, which forms send as text.
const INTEGERS: [&str; 7] =
    ["chatId", "userId", "threadId", "replyToMessageId", "editOfMessageId", "messageId", "duration"];

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

/// A file as it was uploaded.
struct File {
    name: String,
    mime: Option<String>,
    bytes: Bytes,
}

/// A request to one of the endpoints.
struct Body {
    fields: Map<String, Value>,
    file: Option<File>,
    /// Whether a page's form has sent it, which expects a page.
    is_page: bool,
    is_inner: bool,
}

/// Reads the body of a request: JSON, or a form with or without a file.
async fn read_body(headers: &HeaderMap, bytes: Bytes) -> HandlerResult<Body> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        return read_multipart(kind, bytes).await;
    }
    // `curl -d` sends JSON with the content type of a form.
    if is_json(headers) || bytes.trim_ascii_start().starts_with(b"{") {
        let fields = serde_json::from_slice(&bytes)
            .map_err(|error| error_response(400, &format!("The body is not a JSON object: {error}")))?;
        return Ok(Body { fields, file: None, is_page: false, is_inner: false });
    }
    from_pairs(parse_pairs(&bytes), None, true)
}

async fn read_multipart(kind: &str, bytes: Bytes) -> HandlerResult<Body> {
    let malformed = |error: &dyn std::fmt::Display| {
        error_response(400, &format!("The body is not multipart/form-data: {error}"))
    };
    let request = Request::builder()
        .header(header::CONTENT_TYPE, kind)
        .body(axum::body::Body::from(bytes))
        .map_err(|error| malformed(&error))?;
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| malformed(&error))?;
    let (mut pairs, mut file) = (Vec::new(), None);
    while let Some(part) = parts.next_field().await.map_err(|error| malformed(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        if name != "file" {
            pairs.push((name, part.text().await.map_err(|error| malformed(&error))?));
            continue;
        }
        let file_name = part.file_name().unwrap_or_default().to_owned();
        let mime = part.content_type().map(str::to_owned);
        let content = part.bytes().await.map_err(|error| malformed(&error))?;
        // Browsers send an empty part without a name if no file is chosen.
        if !(file_name.is_empty() && content.is_empty()) {
            file = Some(File { name: file_name, mime, bytes: content });
        }
    }
    from_pairs(pairs, file, false)
}

fn from_pairs(pairs: Vec<(String, String)>, file: Option<File>, is_page: bool) -> HandlerResult<Body> {
    let mut body = Body { fields: Map::new(), file, is_page, is_inner: false };
    for (name, text) in pairs {
        match name.as_str() {
            "page" => body.is_page = true,
            "inner" => body.is_inner = text == "true",
            // A text that is left empty is an error, as are other empty fields of a message from a program.
            _ if text.is_empty() && name != "text" => {}
            _ if INTEGERS.contains(&name.as_str()) => {
                let number: i64 = text
                    .trim()
                    .parse()
                    .map_err(|_| error_response(400, &format!("{name} must be an integer.")))?;
                body.fields.insert(name, json!(number));
            }
            _ => {
                body.fields.insert(name, Value::String(text));
            }
        }
    }
    body.is_page |= body.is_inner;
    Ok(body)
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
    let Body { fields, file, is_page, is_inner } = read_body(&headers, body).await?;
    let fields: Fields = parse_fields(fields)?;
    let place =
        Place { chat_id: fields.chat_id, thread_id: fields.thread_id, user_id: fields.user_id, is_inner };
    let has_photo_without_file =
        fields.caption.is_some() && file.is_none() && fields.edit_of_message_id.is_none();
    let mut written = to_written(fields, file)?;
    let mut tx = world.db.begin().await?;
    let bot = get_bot(&mut tx, &bot_id).await?;
    if has_photo_without_file {
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
    world.telegram_updates.notify_one();
    world.telegram_polls.wake(bot.id);
    if is_page {
        return Ok(Redirect::to(&place.url(bot.id)).into_response());
    }
    let data = json!({"messageId": listed["messageId"], "chatId": listed["chatId"], "threadId": listed["threadId"],
        "userId": listed["userId"], "file": listed["file"]});
    Ok(Json(json!({"data": data})).into_response())
}

/// Where a form leads back to.
struct Place {
    chat_id: i64,
    thread_id: Option<i64>,
    user_id: Option<i64>,
    is_inner: bool,
}

impl Place {
    fn url(&self, bot_id: i64) -> String {
        let inner = if self.is_inner { "inner=true&" } else { "" };
        let mut url = format!("/sandbox/telegram/bots/{bot_id}?{inner}chatId={}", self.chat_id);
        for (name, id) in [("userId", self.user_id), ("threadId", self.thread_id)] {
            if let Some(id) = id {
                url.push_str(&format!("&{name}={id}"));
            }
        }
        // The anchor scrolls to the text field, which follows the newest message.
        url.push_str("#text");
        url
    }
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
    let known = match kind {
        "voice" => Some("audio/ogg"),
        "audio" => Some("audio/mpeg"),
        "video" | "video_note" => Some("video/mp4"),
        _ => None,
    };
    let sent = file.mime.filter(|mime| !mime.is_empty() && mime != "application/octet-stream");
    let mime = sent.unwrap_or_else(|| known.unwrap_or("application/octet-stream").to_owned());
    // Browsers send only the last part of a path, but other clients may send all of it.
    let name = file.name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let name = if name.is_empty() { "file".to_owned() } else { name };
    let duration = duration.filter(|seconds| *seconds >= 0);
    Ok(Upload { kind, name, mime, bytes: file.bytes.to_vec(), duration })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PressFields {
    chat_id: i64,
    message_id: i64,
    data: String,
    user_id: Option<i64>,
    thread_id: Option<i64>,
}

/// `POST …/bots/{botId}/callback-queries`: presses a button of a message.
pub(super) async fn post_callback_query(
    State(world): State<World>,
    Path(bot_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> HandlerResult {
    let Body { fields, is_page, is_inner, .. } = read_body(&headers, body).await?;
    let PressFields { chat_id, message_id, data, user_id, thread_id } = parse_fields(fields)?;
    let mut tx = world.db.begin().await?;
    let bot = get_bot(&mut tx, &bot_id).await?;
    let press = Press { chat_id, message_id, data, user_id };
    let id = receive::press(&mut tx, &bot, &press).await?;
    tx.commit().await?;
    world.telegram_updates.notify_one();
    world.telegram_polls.wake(bot.id);
    if is_page {
        let place = Place { chat_id, thread_id, user_id, is_inner };
        return Ok(Redirect::to(&place.url(bot.id)).into_response());
    }
    Ok(Json(json!({"data": {"callbackQueryId": id}})).into_response())
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
    let Body { fields, is_page, is_inner, .. } = read_body(&headers, body).await?;
    let ChatFields { chat_id, chat_type, added_by } = parse_fields(fields)?;
    let kind = chat_type.unwrap_or_else(|| "group".to_owned());
    let mut tx = world.db.begin().await?;
    let bot = get_bot(&mut tx, &bot_id).await?;
    let message_id = receive::add_to_chat(&mut tx, &bot, chat_id, &kind, added_by).await?;
    tx.commit().await?;
    world.telegram_updates.notify_one();
    world.telegram_polls.wake(bot.id);
    if is_page {
        let place = Place { chat_id, thread_id: None, user_id: Some(added_by), is_inner };
        return Ok(Redirect::to(&place.url(bot.id)).into_response());
    }
    let data = json!({"chatId": chat_id, "chatType": kind, "addedBy": added_by, "messageId": message_id});
    Ok(Json(json!({"data": data})).into_response())
}
