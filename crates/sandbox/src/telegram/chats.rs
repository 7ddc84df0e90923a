//! Chats and their members, with the methods `getChat` and `getChatMember`.

use serde_json::{Value, json};
use sqlx::{FromRow, SqliteConnection};

use super::{
    bad_request,
    bots::Bot,
    params::{MethodResult, Params, integer_param, text_param},
};
use crate::{
    World,
    web::{HandlerResult, error_response},
};

/// A chat that a bot knows.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Chat {
    #[sqlx(rename = "chat_id")]
    pub id: i64,
    /// `private`, `group` or `supergroup`.
    pub kind: String,
    pub is_forum: bool,
    /// The supergroup that the group has become.
    pub migrated_to: Option<i64>,
}

impl Chat {
    /// A chat of which only the id is known: a positive id is a person, a negative one a group.
    fn of_id(id: i64) -> Self {
        let kind = if id > 0 { "private" } else { "group" };
        Self { id, kind: kind.to_owned(), is_forum: false, migrated_to: None }
    }

    pub fn is_private(&self) -> bool {
        self.kind == "private"
    }

    /// Renders the `Chat` object.
    pub fn object(&self) -> Value {
        if self.is_private() {
            return json!({"id": self.id, "first_name": format!("Person {}", self.id), "type": "private"});
        }
        let mut chat =
            json!({"id": self.id, "title": format!("Group {}", self.id.unsigned_abs()), "type": self.kind});
        if self.is_forum {
            chat["is_forum"] = json!(true);
        }
        chat
    }
}

/// Renders the `User` object of a person.
pub(super) fn person(user_id: i64) -> Value {
    json!({"id": user_id, "is_bot": false, "first_name": format!("Person {user_id}"), "language_code": "en"})
}

/// Returns a chat that somebody has written in or that the bot was added to.
pub(super) async fn find(
    conn: &mut SqliteConnection,
    bot_id: i64,
    chat_id: i64,
) -> sqlx::Result<Option<Chat>> {
    let stored: Option<Chat> = sqlx::query_as(
        "select chat_id, kind, is_forum, migrated_to from telegram_chats where bot_id = $1 and chat_id = $2",
    )
    .bind(bot_id)
    .bind(chat_id)
    .fetch_optional(&mut *conn)
    .await?;
    if stored.is_some() {
        return Ok(stored);
    }
    // A file of an earlier version has messages without chats.
    let is_known: bool = sqlx::query_scalar(
        "select exists (select 1 from telegram_messages where bot_id = $1 and chat_id = $2)",
    )
    .bind(bot_id)
    .bind(chat_id)
    .fetch_one(conn)
    .await?;
    Ok(is_known.then(|| Chat::of_id(chat_id)))
}

/// Returns the chat that a person writes in. It is created or changed as the person says.
pub(super) async fn get_or_create(
    conn: &mut SqliteConnection,
    bot_id: i64,
    chat_id: i64,
    kind: Option<&str>,
    has_topic: bool,
) -> HandlerResult<Chat> {
    if chat_id == 0 || chat_id.unsigned_abs() >= 1 << 52 {
        return Err(error_response(400, "chatId must be positive for a person or negative for a group."));
    }
    let mut chat = find(conn, bot_id, chat_id).await?.unwrap_or_else(|| Chat::of_id(chat_id));
    if let Some(to) = chat.migrated_to {
        return Err(error_response(400, &format!("The group has become the supergroup {to}.")));
    }
    match kind {
        None => {}
        Some("private") if chat_id < 0 => {
            return Err(error_response(400, "The chatId of a private chat must be positive."));
        }
        Some(kind @ ("private" | "group" | "supergroup")) => kind.clone_into(&mut chat.kind),
        Some(_) => return Err(error_response(400, "chatType must be private, group or supergroup.")),
    }
    if has_topic && chat.kind == "group" {
        return Err(error_response(400, "Only a private chat and a supergroup can have topics."));
    }
    chat.is_forum = chat.kind == "supergroup" && (chat.is_forum || has_topic);
    sqlx::query(
        "insert into telegram_chats (bot_id, chat_id, kind, is_forum) values ($1, $2, $3, $4)
         on conflict (bot_id, chat_id) do update set kind = excluded.kind, is_forum = excluded.is_forum",
    )
    .bind(bot_id)
    .bind(chat_id)
    .bind(&chat.kind)
    .bind(chat.is_forum)
    .execute(conn)
    .await?;
    Ok(chat)
}

/// Records that a person is a member of a chat.
pub(super) async fn insert_member(
    conn: &mut SqliteConnection,
    bot_id: i64,
    chat_id: i64,
    user_id: i64,
) -> HandlerResult<()> {
    if !(1..1 << 52).contains(&user_id) {
        return Err(error_response(400, "userId must be a positive integer."));
    }
    sqlx::query(
        "insert into telegram_members (bot_id, chat_id, user_id) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(bot_id)
    .bind(chat_id)
    .bind(user_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// Returns the chat of a method call. A bot can only write to chats that it knows.
pub(super) async fn of_call(conn: &mut SqliteConnection, bot: &Bot, params: &Params) -> HandlerResult<Chat> {
    if text_param(params, "chat_id").is_none_or(|id| id.trim().is_empty()) {
        return Err(bad_request("chat_id is empty"));
    }
    let unknown = || bad_request("chat not found");
    let chat_id = integer_param(params, "chat_id").ok_or_else(unknown)?;
    let chat = find(conn, bot.id, chat_id).await?.ok_or_else(unknown)?;
    let Some(to) = chat.migrated_to else { return Ok(chat) };
    let mut refusal = bad_request("group chat was upgraded to a supergroup chat");
    refusal.body["parameters"] = json!({"migrate_to_chat_id": to});
    Err(refusal)
}

/// Records that a group has become a supergroup, whose members are the same.
pub(super) async fn migrate(
    conn: &mut SqliteConnection,
    bot_id: i64,
    from: i64,
    to: i64,
) -> sqlx::Result<()> {
    for statement in [
        "update telegram_chats set migrated_to = $3 where bot_id = $1 and chat_id = $2",
        "insert into telegram_members (bot_id, chat_id, user_id)
           select bot_id, $3, user_id from telegram_members where bot_id = $1 and chat_id = $2 on conflict do nothing",
    ] {
        sqlx::query(statement).bind(bot_id).bind(from).bind(to).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Returns the topic that a message is sent to. Telegram ignores the parameter in groups without topics, and refuses unknown
/// topics, and that of a forum's General topic, which is 1.
pub(super) async fn thread_of_call(
    conn: &mut SqliteConnection,
    bot: &Bot,
    chat: &Chat,
    params: &Params,
) -> HandlerResult<Option<i64>> {
    let Some(thread_id) = integer_param(params, "message_thread_id").filter(|id| *id != 0) else {
        return Ok(None);
    };
    if !chat.is_private() && !chat.is_forum {
        return Ok(None);
    }
    let is_known: bool = sqlx::query_scalar(
        "select exists (select 1 from telegram_messages where bot_id = $1 and chat_id = $2 and thread_id = $3)",
    )
    .bind(bot.id)
    .bind(chat.id)
    .bind(thread_id)
    .fetch_one(conn)
    .await?;
    let is_general = chat.is_forum && thread_id == 1;
    if is_known && !is_general { Ok(Some(thread_id)) } else { Err(bad_request("message thread not found")) }
}

pub(super) async fn get_chat(world: &World, bot: &Bot, params: &Params) -> HandlerResult<MethodResult> {
    let mut conn = world.db.acquire().await?;
    let chat = of_call(&mut conn, bot, params).await?;
    let mut full = chat.object();
    full["accent_color_id"] = json!(chat.id.rem_euclid(7));
    full["max_reaction_count"] = json!(11);
    full["accepted_gift_types"] = json!({"unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false,
        "premium_subscription": false, "gifts_from_channels": false});
    if !chat.is_private() {
        full["permissions"] = json!({"can_send_messages": true, "can_send_audios": true, "can_send_documents": true,
            "can_send_photos": true, "can_send_videos": true, "can_send_video_notes": true,
            "can_send_voice_notes": true, "can_send_polls": true, "can_send_other_messages": true,
            "can_add_web_page_previews": true, "can_change_info": true, "can_invite_users": true,
            "can_pin_messages": true, "can_manage_topics": true});
    }
    Ok(MethodResult::from_result(full))
}

pub(super) async fn get_chat_member(
    world: &World,
    bot: &Bot,
    params: &Params,
) -> HandlerResult<MethodResult> {
    let mut conn = world.db.acquire().await?;
    let chat = of_call(&mut conn, bot, params).await?;
    let user_id = integer_param(params, "user_id")
        .filter(|id| *id > 0)
        .ok_or_else(|| bad_request("invalid user_id specified"))?;
    if user_id == bot.id {
        return Ok(MethodResult::from_result(json!({"user": bot.user(), "status": "member"})));
    }
    let chats: Vec<i64> =
        sqlx::query_scalar("select chat_id from telegram_members where bot_id = $1 and user_id = $2")
            .bind(bot.id)
            .bind(user_id)
            .fetch_all(&mut *conn)
            .await?;
    if chats.is_empty() && chat.id != user_id {
        return Err(bad_request("user not found"));
    }
    let is_member = chats.contains(&chat.id) || chat.id == user_id;
    let status = if is_member { "member" } else { "left" };
    Ok(MethodResult::from_result(json!({"user": person(user_id), "status": status})))
}
