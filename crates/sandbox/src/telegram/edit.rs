//! The methods that change sent messages, and `setMessageReaction` and `answerCallbackQuery`.

use serde_json::{Value, json};
use sqlx::{SqliteConnection, types::Json as SqlJson};

use super::{
    bad_request,
    bots::Bot,
    chats::{self, Chat},
    given_text::{TEXT_UNITS_MAX, parse_text},
    markup,
    messages::{self, StoredMessage},
    params::{MethodResult, Params, integer_param, json_param, text_param},
};
use crate::{World, clock::now_ms, web::HandlerResult};

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the same \
    as a current content and reply markup of the message";
/// Telegram accepts an answer to a callback query for about a quarter of an hour.
const CALLBACK_MS: i64 = 15 * 60 * 1000;
/// Telegram limits the notice that answers a button to 200 characters.
const NOTICE_CHARS_MAX: usize = 200;
/// A bot can delete a message for two days.
const DELETE_SECONDS_MAX: i64 = 48 * 60 * 60;

/// Returns the message that a call changes.
async fn message_of_call(
    conn: &mut SqliteConnection,
    bot: &Bot,
    params: &Params,
    verb: &str,
) -> HandlerResult<(Chat, StoredMessage)> {
    if params.contains_key("inline_message_id") && !params.contains_key("chat_id") {
        return Err(bad_request("MESSAGE_ID_INVALID"));
    }
    let chat = chats::of_call(conn, bot, params).await?;
    let message_id = integer_param(params, "message_id").filter(|id| *id > 0).ok_or_else(|| {
        let missing = if verb == "react" {
            "message to react not found"
        } else {
            "message identifier is not specified"
        };
        bad_request(missing)
    })?;
    let message = messages::find(conn, bot.id, chat.id, message_id)
        .await?
        .ok_or_else(|| bad_request(&format!("message to {verb} not found")))?;
    Ok((chat, message))
}

pub(super) async fn edit_text(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let raw = text_param(params, "text").unwrap_or_default();
    let parsed = parse_text(&raw, params)?.trimmed();
    if parsed.text.is_empty() {
        return Err(bad_request("message text is empty"));
    }
    if parsed.text.encode_utf16().count() > TEXT_UNITS_MAX {
        return Err(bad_request("message is too long"));
    }
    let markup = markup::parse(params)?;
    let mut tx = world.db.begin().await?;
    let (chat, message) = message_of_call(&mut tx, bot, params, "edit").await?;
    let old = message.doc(&chat);
    if old.get("text").is_none() {
        return Err(bad_request("there is no text in the message to edit"));
    }
    let mut doc = old;
    doc["text"] = json!(parsed.text);
    set_or_remove(
        &mut doc,
        "entities",
        (!parsed.entities.is_empty()).then_some(Value::Array(parsed.entities)),
    );
    let edited = save_edit(world, &mut tx, bot, &chat, &message, doc, markup).await?;
    tx.commit().await?;
    Ok(MethodResult::from_result(edited))
}

pub(super) async fn edit_markup(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let markup = markup::parse(params)?;
    let mut tx = world.db.begin().await?;
    let (chat, message) = message_of_call(&mut tx, bot, params, "edit").await?;
    let doc = message.doc(&chat);
    let edited = save_edit(world, &mut tx, bot, &chat, &message, doc, markup).await?;
    tx.commit().await?;
    Ok(MethodResult::from_result(edited))
}

/// Stores an edited message if it differs. Without markup, an edit removes the keyboard.
async fn save_edit(
    world: &World,
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat: &Chat,
    message: &StoredMessage,
    mut doc: Value,
    markup: Option<Value>,
) -> HandlerResult<Value> {
    if !message.is_from_bot() {
        return Err(bad_request("message can't be edited"));
    }
    if markup.as_ref().is_some_and(|markup| markup.get("inline_keyboard").is_none()) {
        return Err(bad_request("inline keyboard expected"));
    }
    set_or_remove(&mut doc, "reply_markup", markup.clone());
    if doc == message.doc(chat) && markup == message.markup {
        return Err(bad_request(NOT_MODIFIED));
    }
    world.telegram_flood.count(bot.id, chat)?;
    doc["edit_date"] = json!(now_ms() / 1000);
    messages::save(conn, bot.id, chat.id, message.message_id, &doc, markup.as_ref()).await?;
    Ok(messages::with_reply(conn, bot.id, chat, doc, message.reply_to()).await?)
}

fn set_or_remove(doc: &mut Value, name: &str, value: Option<Value>) {
    match (value, doc.as_object_mut()) {
        (Some(value), Some(fields)) => {
            fields.insert(name.to_owned(), value);
        }
        (None, Some(fields)) => {
            fields.shift_remove(name);
        }
        (_, None) => {}
    }
}

pub(super) async fn delete_message(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let mut tx = world.db.begin().await?;
    let (chat, message) = message_of_call(&mut tx, bot, params, "delete").await?;
    // In a group a bot that is no administrator can delete its own messages only.
    let is_deletable = message.is_from_bot() || chat.is_private();
    let sent = message.doc(&chat)["date"].as_i64().unwrap_or(0);
    if !is_deletable || sent < now_ms() / 1000 - DELETE_SECONDS_MAX {
        return Err(bad_request("message can't be deleted"));
    }
    sqlx::query("delete from telegram_messages where bot_id = $1 and chat_id = $2 and message_id = $3")
        .bind(bot.id)
        .bind(chat.id)
        .bind(message.message_id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(MethodResult::from_result(true))
}

pub(super) async fn set_reaction(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let reaction = json_param(params, "reaction")
        .map_err(|_| bad_request("can't parse reaction types JSON object"))?
        .unwrap_or_else(|| json!([]));
    let list = reaction.as_array().ok_or_else(|| bad_request("can't parse reaction types JSON object"))?;
    let is_valid = |item: &Value| {
        item["type"] == "emoji" && item["emoji"].as_str().is_some_and(|emoji| REACTIONS.contains(&emoji))
    };
    if !list.iter().all(is_valid) {
        return Err(bad_request("REACTION_INVALID"));
    }
    if list.len() > 1 {
        return Err(bad_request("REACTIONS_TOO_MANY"));
    }
    let mut tx = world.db.begin().await?;
    let (chat, message) = message_of_call(&mut tx, bot, params, "react").await?;
    sqlx::query(
        "update telegram_messages set reaction = $4 where bot_id = $1 and chat_id = $2 and message_id = $3",
    )
    .bind(bot.id)
    .bind(chat.id)
    .bind(message.message_id)
    .bind(list.first().map(SqlJson))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(MethodResult::from_result(true))
}

/// The emoji that bots can react with, as the type `ReactionTypeEmoji` lists them.
const REACTIONS: [&str; 73] = [
    "❤",
    "👍",
    "👎",
    "🔥",
    "🥰",
    "👏",
    "😁",
    "🤔",
    "🤯",
    "😱",
    "🤬",
    "😢",
    "🎉",
    "🤩",
    "🤮",
    "💩",
    "🙏",
    "👌",
    "🕊",
    "🤡",
    "🥱",
    "🥴",
    "😍",
    "🐳",
    "❤‍🔥",
    "🌚",
    "🌭",
    "💯",
    "🤣",
    "⚡",
    "🍌",
    "🏆",
    "💔",
    "🤨",
    "😐",
    "🍓",
    "🍾",
    "💋",
    "🖕",
    "😈",
    "😴",
    "😭",
    "🤓",
    "👻",
    "👨‍💻",
    "👀",
    "🎃",
    "🙈",
    "😇",
    "😨",
    "🤝",
    "✍",
    "🤗",
    "🫡",
    "🎅",
    "🎄",
    "☃",
    "💅",
    "🤪",
    "🗿",
    "🆒",
    "💘",
    "🙉",
    "🦄",
    "😘",
    "💊",
    "🙊",
    "😎",
    "👾",
    "🤷‍♂",
    "🤷",
    "🤷‍♀",
    "😡",
];

pub(super) async fn answer_callback(
    world: &World,
    bot: &Bot,
    params: &Params,
) -> HandlerResult<MethodResult> {
    let text = text_param(params, "text").unwrap_or_default();
    if text.chars().count() > NOTICE_CHARS_MAX {
        return Err(bad_request("MESSAGE_TOO_LONG"));
    }
    let id = text_param(params, "callback_query_id").unwrap_or_default();
    let answered = sqlx::query(
        "update telegram_callback_queries set answer = $4 where id = $1 and bot_id = $2 and at > $3",
    )
    .bind(id)
    .bind(bot.id)
    .bind(now_ms() - CALLBACK_MS)
    .bind(text)
    .execute(&world.db)
    .await?;
    if answered.rows_affected() == 0 {
        return Err(bad_request("query is too old and response timeout expired or query ID is invalid"));
    }
    Ok(MethodResult::from_result(true))
}
