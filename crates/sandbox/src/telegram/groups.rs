//! What happens to groups: the bot is added, and a group becomes a supergroup.

use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::{
    bots::Bot,
    bots::reserve_message_id,
    chats::{self, Chat, person},
    messages::{self, NewMessage},
    updates,
};
use crate::{
    clock::now_ms,
    web::{HandlerResult, error_response},
};

/// Adds the bot to a group: the change of its own membership, then the message that everybody in the group sees. Returns that
/// message's id.
pub(super) async fn add_bot(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat_id: i64,
    kind: &str,
    added_by: i64,
) -> HandlerResult<i64> {
    if kind == "private" {
        return Err(error_response(400, "chatType must be group or supergroup."));
    }
    let chat = chats::get_or_create(conn, bot.id, chat_id, Some(kind), false).await?;
    chats::insert_member(conn, bot.id, chat.id, added_by).await?;
    let (from, member) = (person(added_by), bot.user());
    let change = json!({"chat": chat.object(), "from": from, "date": now_ms() / 1000,
        "old_chat_member": {"user": member, "status": "left"},
        "new_chat_member": {"user": member, "status": "member"}});
    updates::enqueue(conn, bot, chat.id, "my_chat_member", change).await?;
    let fields =
        json!({"new_chat_participant": member, "new_chat_member": member, "new_chat_members": [member]});
    insert_service_message(conn, bot, &chat, added_by, fields).await
}

/// Turns a group into a supergroup with another id. Telegram sends a message in each of them.
pub(super) async fn migrate(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat_id: i64,
    to_chat_id: i64,
) -> HandlerResult<()> {
    let from = chats::find(conn, bot.id, chat_id).await?.filter(|chat| chat.kind == "group");
    let Some(from) = from.filter(|chat| chat.migrated_to.is_none()) else {
        return Err(error_response(400, "chatId is not a group of this bot."));
    };
    if to_chat_id >= 0 || chats::find(conn, bot.id, to_chat_id).await?.is_some() {
        return Err(error_response(400, "toChatId must be negative and not in use."));
    }
    let to = chats::get_or_create(conn, bot.id, to_chat_id, Some("supergroup"), false).await?;
    chats::migrate(conn, bot.id, from.id, to.id).await?;
    let user_id = from.id.abs();
    insert_service_message(conn, bot, &from, user_id, json!({"migrate_to_chat_id": to.id})).await?;
    insert_service_message(conn, bot, &to, user_id, json!({"migrate_from_chat_id": from.id})).await?;
    Ok(())
}

async fn insert_service_message(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat: &Chat,
    user_id: i64,
    fields: Value,
) -> HandlerResult<i64> {
    let now = now_ms();
    let message_id = reserve_message_id(conn, bot.id).await?;
    let mut doc =
        json!({"message_id": message_id, "from": person(user_id), "chat": chat.object(), "date": now / 1000});
    if let (Some(doc), Value::Object(fields)) = (doc.as_object_mut(), fields) {
        doc.extend(fields);
    }
    let message = NewMessage {
        message_id,
        is_from_bot: false,
        doc,
        reply_to: None,
        thread_id: None,
        markup: None,
        at: now,
    };
    messages::insert(conn, bot.id, chat.id, &message).await?;
    updates::enqueue(conn, bot, chat.id, "message", message.doc).await?;
    Ok(message_id)
}
