//! The methods `sendMessage` and `sendChatAction`.

use serde_json::{Map, Value, json};
use sqlx::SqliteConnection;

use super::{
    bad_request,
    bots::{Bot, reserve_message_id},
    chats::{self, Chat},
    drafts,
    given_text::{TEXT_UNITS_MAX, parse_text},
    markup,
    messages::{self, NewMessage, StoredMessage, set_thread},
    params::{MethodResult, Params, json_param, text_param},
};
use crate::{World, clock::now_ms, web::HandlerResult};

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
    let preview = json_param(params, "link_preview_options")
        .ok()
        .filter(|options| options.as_ref().is_none_or(Value::is_object))
        .ok_or_else(|| bad_request("can't parse link preview options JSON object"))?;
    let mut content = Map::new();
    content.insert("text".to_owned(), json!(parsed.text));
    if !parsed.entities.is_empty() {
        content.insert("entities".to_owned(), Value::Array(parsed.entities));
    }
    content.extend(preview.map(|preview| ("link_preview_options".to_owned(), preview)));
    deliver(world, bot, params, content).await
}

/// Sends a message with this content to the chat of a call.
pub(super) async fn deliver(
    world: &World,
    bot: &Bot,
    params: &Params,
    content: Map<String, Value>,
) -> HandlerResult<MethodResult> {
    let markup = markup::parse(params)?;
    let mut tx = world.db.begin().await?;
    let chat = chats::of_call(&mut tx, bot, params).await?;
    let replied = find_replied_message(&mut tx, bot, &chat, params).await?;
    // A reply is in the topic of the message that it replies to.
    let thread_id = chats::thread_of_call(&mut tx, bot, &chat, params)
        .await?
        .or_else(|| replied.as_ref().and_then(|replied| replied.thread_id));
    world.telegram_flood.count(bot.id, &chat)?;
    let now = now_ms();
    let message_id = reserve_message_id(&mut tx, bot.id).await?;
    let mut doc = json!({
        "message_id": message_id, "from": bot.user(), "chat": chat.object(), "date": now / 1000,
    });
    set_thread(&mut doc, &chat, thread_id, replied.as_ref());
    if let Some(doc) = doc.as_object_mut() {
        doc.extend(content);
    }
    // Of all markup only an inline keyboard is a part of the message.
    if let Some(markup) = markup.as_ref().filter(|markup| markup.get("inline_keyboard").is_some()) {
        doc["reply_markup"] = markup.clone();
    }
    let reply_to = replied.map(|replied| replied.message_id);
    let message = NewMessage { message_id, is_from_bot: true, doc, reply_to, thread_id, markup, at: now };
    messages::insert(&mut tx, bot.id, chat.id, &message).await?;
    drafts::delete(&mut tx, bot.id, chat.id, thread_id).await?;
    sqlx::query("delete from telegram_typing where bot_id = $1 and chat_id = $2")
        .bind(bot.id)
        .bind(chat.id)
        .execute(&mut *tx)
        .await?;
    let result = messages::with_reply(&mut tx, bot.id, &chat, message.doc, reply_to).await?;
    tx.commit().await?;
    Ok(MethodResult::from_result(result))
}

/// Returns the message that is replied to. A missing one is an error unless `allow_sending_without_reply` is set.
async fn find_replied_message(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat: &Chat,
    params: &Params,
) -> HandlerResult<Option<StoredMessage>> {
    let malformed = || bad_request("can't parse reply parameters JSON object");
    let Some(reply) = json_param(params, "reply_parameters").map_err(|_| malformed())? else {
        return Ok(None);
    };
    let message_id = reply["message_id"].as_i64().ok_or_else(malformed)?;
    match messages::find(conn, bot.id, chat.id, message_id).await? {
        Some(message) => Ok(Some(message)),
        None if reply["allow_sending_without_reply"] == true => Ok(None),
        None => Err(bad_request("message to be replied not found")),
    }
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
    let chat_id = chats::of_call(&mut tx, bot, params).await?.id;
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
