//! What people do in chats: write, edit and press buttons. Each is stored together with its update.

use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::{
    bots::{Bot, reserve_message_id},
    chats::{self, Chat, person},
    detected_entities,
    entities::utf16_len,
    files,
    media::Upload,
    messages::{self, NewMessage, StoredMessage, set_thread},
    updates,
};
use crate::{
    clock::{now_ms, random_base62},
    web::{HandlerResult, error_response},
};

/// What a person writes.
#[derive(Default)]
pub(super) struct Written {
    pub chat_id: i64,
    /// Who writes. Without it that is the person of the private chat.
    pub user_id: Option<i64>,
    pub chat_type: Option<String>,
    pub thread_id: Option<i64>,
    pub reply_to: Option<i64>,
    /// The part of the replied message that is quoted.
    pub quote: Option<String>,
    pub edit_of: Option<i64>,
    /// Seconds since 1970.
    pub date: Option<i64>,
    pub media_group_id: Option<String>,
    /// The text, or the caption if there is a file. Trimmed.
    pub words: String,
    pub file: Option<Upload>,
}

/// Stores a message, and an update if the bot subscribes to messages. Returns the message as it is listed.
pub(super) async fn write(conn: &mut SqliteConnection, bot: &Bot, written: Written) -> HandlerResult<Value> {
    let kind = written.chat_type.as_deref();
    let chat = chats::get_or_create(conn, bot.id, written.chat_id, kind, written.thread_id.is_some()).await?;
    let user_id = written.user_id.unwrap_or(chat.id.abs());
    chats::insert_member(conn, bot.id, chat.id, user_id).await?;
    let message_id = match written.edit_of {
        Some(message_id) => {
            edit(conn, bot, &chat, message_id, written).await?;
            message_id
        }
        None => create(conn, bot, &chat, user_id, written).await?,
    };
    let stored = messages::find(conn, bot.id, chat.id, message_id).await?;
    Ok(stored.map_or(Value::Null, |message| message.listed(chat.id)))
}

async fn create(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat: &Chat,
    user_id: i64,
    written: Written,
) -> HandlerResult<i64> {
    let now = now_ms();
    let replied = match written.reply_to {
        Some(id) => Some(find_message(conn, bot, chat, id, "replyToMessageId").await?),
        None => None,
    };
    // A reply to a message of a topic is in that topic.
    let thread_id = written.thread_id.or_else(|| replied.as_ref().and_then(|replied| replied.thread_id));
    let message_id = reserve_message_id(conn, bot.id).await?;
    let date = written.date.unwrap_or(now / 1000);
    let mut doc =
        json!({"message_id": message_id, "from": person(user_id), "chat": chat.object(), "date": date});
    set_thread(&mut doc, chat, thread_id, replied.as_ref());
    if let Some(group) = &written.media_group_id {
        doc["media_group_id"] = json!(group);
    }
    if let Some(replied) = &replied {
        set_quote(&mut doc, &replied.text, written.quote.as_deref())?;
    }
    if let Some(file) = &written.file {
        let key = files::insert(conn, bot.id, file).await?;
        doc[file.kind] = file.object(&key);
    }
    set_words(&mut doc, &written.words, written.file.is_some());
    let message = NewMessage {
        message_id,
        is_from_bot: false,
        doc,
        reply_to: written.reply_to,
        thread_id,
        markup: None,
        at: written.date.map_or(now, |date| date.saturating_mul(1000)),
    };
    messages::insert(conn, bot.id, chat.id, &message).await?;
    let body = messages::with_reply(conn, bot.id, chat, message.doc, written.reply_to).await?;
    updates::enqueue(conn, bot, chat.id, "message", body).await?;
    Ok(message_id)
}

fn set_quote(doc: &mut Value, text: &str, quote: Option<&str>) -> HandlerResult<()> {
    let Some(quote) = quote.filter(|quote| !quote.is_empty()) else { return Ok(()) };
    let Some(at) = text.find(quote) else {
        return Err(error_response(400, "The quote is not in the message that is replied to."));
    };
    doc["quote"] = json!({"text": quote, "position": utf16_len(&text[..at]), "is_manual": true});
    Ok(())
}

fn set_words(doc: &mut Value, words: &str, is_caption: bool) {
    let (field, entities_field) =
        if is_caption { ("caption", "caption_entities") } else { ("text", "entities") };
    if let Some(fields) = doc.as_object_mut() {
        fields.shift_remove(field);
        fields.shift_remove(entities_field);
    }
    if words.is_empty() {
        return;
    }
    doc[field] = json!(words);
    let entities = detected_entities::detect(words);
    if !entities.is_empty() {
        doc[entities_field] = Value::Array(entities);
    }
}

async fn edit(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat: &Chat,
    message_id: i64,
    written: Written,
) -> HandlerResult<()> {
    let message = find_message(conn, bot, chat, message_id, "editOfMessageId").await?;
    let is_own = !message.is_from_bot()
        && !message.is_service()
        && written.user_id.is_none_or(|user_id| user_id == message.user_id(chat.id));
    if !is_own {
        return Err(error_response(400, "Only the person who wrote a message can edit it."));
    }
    if written.file.is_some() {
        return Err(error_response(400, "An edit changes the text or the caption, not the file."));
    }
    let is_caption = message.media().is_some();
    if written.words.is_empty() && !is_caption {
        return Err(error_response(400, "An edit needs text."));
    }
    let mut doc = message.doc(chat);
    doc["edit_date"] = json!(written.date.unwrap_or_else(|| now_ms() / 1000));
    set_words(&mut doc, &written.words, is_caption);
    messages::save(conn, bot.id, chat.id, message_id, &doc, None).await?;
    let body = messages::with_reply(conn, bot.id, chat, doc, message.reply_to()).await?;
    updates::enqueue(conn, bot, chat.id, "edited_message", body).await?;
    Ok(())
}

async fn find_message(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat: &Chat,
    message_id: i64,
    field: &str,
) -> HandlerResult<StoredMessage> {
    messages::find(conn, bot.id, chat.id, message_id)
        .await?
        .ok_or_else(|| error_response(400, &format!("{field} is not a message of this chat.")))
}

/// A button that a person presses.
pub(super) struct Press {
    pub chat_id: i64,
    pub message_id: i64,
    pub data: String,
    pub user_id: Option<i64>,
}

/// Stores a callback query and its update. Returns the query's id.
pub(super) async fn press(conn: &mut SqliteConnection, bot: &Bot, press: &Press) -> HandlerResult<String> {
    let unknown = || error_response(400, "The chat has no such message.");
    let chat = chats::find(conn, bot.id, press.chat_id).await?.ok_or_else(unknown)?;
    let message = messages::find(conn, bot.id, chat.id, press.message_id).await?.ok_or_else(unknown)?;
    let rows = message.markup.as_ref().and_then(|markup| markup["inline_keyboard"].as_array());
    let has_button = rows
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .flatten()
        .any(|button| button["callback_data"] == press.data.as_str());
    if !has_button {
        return Err(error_response(400, "The message has no button with this data."));
    }
    let user_id = press.user_id.unwrap_or(chat.id.abs());
    chats::insert_member(conn, bot.id, chat.id, user_id).await?;
    let id = random_base62(18);
    sqlx::query("insert into telegram_callback_queries (id, bot_id, chat_id, at) values ($1, $2, $3, $4)")
        .bind(&id)
        .bind(bot.id)
        .bind(chat.id)
        .bind(now_ms())
        .execute(&mut *conn)
        .await?;
    let body = messages::with_reply(conn, bot.id, &chat, message.doc(&chat), message.reply_to()).await?;
    let query = json!({"id": id, "from": person(user_id), "message": body,
        "chat_instance": format!("-{}", bot.id.wrapping_mul(7_919).wrapping_add(chat.id.abs())), "data": press.data});
    updates::enqueue(conn, bot, chat.id, "callback_query", query).await?;
    Ok(id)
}
