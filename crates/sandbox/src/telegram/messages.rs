//! Stored messages: how they are written, found and listed.

use serde_json::{Value, json};
use sqlx::{FromRow, SqliteConnection, types::Json as SqlJson};

use super::{chats::Chat, media};
use crate::clock::rfc3339;

/// A message to insert.
pub(super) struct NewMessage {
    pub message_id: i64,
    pub is_from_bot: bool,
    /// The `Message` object without `reply_to_message`.
    pub doc: Value,
    pub reply_to: Option<i64>,
    /// The topic, which a reply thread of a group without topics is not.
    pub thread_id: Option<i64>,
    /// The `reply_markup` that the message was sent with, of any kind.
    pub markup: Option<Value>,
    /// Milliseconds since 1970.
    pub at: i64,
}

#[derive(FromRow)]
pub(super) struct StoredMessage {
    pub message_id: i64,
    pub sender: String,
    pub text: String,
    #[sqlx(json)]
    entities: Value,
    at: i64,
    reply_to: Option<i64>,
    #[sqlx(json(nullable))]
    doc: Option<Value>,
    pub thread_id: Option<i64>,
    #[sqlx(json(nullable))]
    pub markup: Option<Value>,
    #[sqlx(json(nullable))]
    reaction: Option<Value>,
}

macro_rules! columns {
    () => {
        "message_id, sender, text, entities, at, reply_to, doc, thread_id, markup, reaction"
    };
}

pub(super) async fn insert(
    conn: &mut SqliteConnection,
    bot_id: i64,
    chat_id: i64,
    message: &NewMessage,
) -> sqlx::Result<()> {
    let (text, entities) = words(&message.doc);
    sqlx::query(
        "insert into telegram_messages
           (bot_id, chat_id, message_id, sender, text, entities, at, reply_to, doc, thread_id, markup)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(bot_id)
    .bind(chat_id)
    .bind(message.message_id)
    .bind(if message.is_from_bot { "bot" } else { "user" })
    .bind(text)
    .bind(SqlJson(entities))
    .bind(message.at)
    .bind(message.reply_to)
    .bind(SqlJson(&message.doc))
    .bind(message.thread_id)
    .bind(message.markup.as_ref().map(SqlJson))
    .execute(conn)
    .await?;
    Ok(())
}

/// Returns the text or the caption of a `Message` object, with its entities.
fn words(doc: &Value) -> (&str, Value) {
    let (field, entities) =
        if doc["text"].is_string() { ("text", "entities") } else { ("caption", "caption_entities") };
    let entities = doc.get(entities).cloned().unwrap_or_else(|| json!([]));
    (doc[field].as_str().unwrap_or_default(), entities)
}

/// Stores a changed message.
pub(super) async fn save(
    conn: &mut SqliteConnection,
    bot_id: i64,
    chat_id: i64,
    message_id: i64,
    doc: &Value,
    markup: Option<&Value>,
) -> sqlx::Result<()> {
    let (text, entities) = words(doc);
    sqlx::query(
        "update telegram_messages set text = $4, entities = $5, doc = $6, markup = $7
         where bot_id = $1 and chat_id = $2 and message_id = $3",
    )
    .bind(bot_id)
    .bind(chat_id)
    .bind(message_id)
    .bind(text)
    .bind(SqlJson(entities))
    .bind(SqlJson(doc))
    .bind(markup.map(SqlJson))
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn find(
    conn: &mut SqliteConnection,
    bot_id: i64,
    chat_id: i64,
    message_id: i64,
) -> sqlx::Result<Option<StoredMessage>> {
    sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from telegram_messages where bot_id = $1 and chat_id = $2 and message_id = $3"
    ))
    .bind(bot_id)
    .bind(chat_id)
    .bind(message_id)
    .fetch_optional(conn)
    .await
}

/// Lists the newest messages of a chat, or of one of its topics, oldest first.
pub(super) async fn list(
    conn: &mut SqliteConnection,
    bot_id: i64,
    chat_id: i64,
    thread_id: Option<i64>,
    limit: i64,
) -> sqlx::Result<Vec<StoredMessage>> {
    let mut messages: Vec<StoredMessage> = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from telegram_messages where bot_id = $1 and chat_id = $2 and ($3 is null or thread_id = $3)
         order by seq desc limit $4"
    ))
    .bind(bot_id)
    .bind(chat_id)
    .bind(thread_id)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    messages.reverse();
    Ok(messages)
}

impl StoredMessage {
    pub fn is_from_bot(&self) -> bool {
        self.sender == "bot"
    }

    /// Returns the `Message` object without `reply_to_message`. That of an earlier version's message has the fields that it
    /// stored.
    pub fn doc(&self, chat: &Chat) -> Value {
        self.doc.clone().unwrap_or_else(|| {
            json!({"message_id": self.message_id, "chat": chat.object(), "date": self.at / 1000,
                "text": self.text, "entities": self.entities})
        })
    }

    /// Returns the id of the message that this one replies to.
    pub fn reply_to(&self) -> Option<i64> {
        self.reply_to
    }

    /// Whether this is a message about the chat, such as a new member, which has no words.
    pub fn is_service(&self) -> bool {
        let names = ["new_chat_members", "migrate_to_chat_id", "migrate_from_chat_id"];
        self.doc.as_ref().is_some_and(|doc| names.iter().any(|name| doc.get(*name).is_some()))
    }

    /// Returns the file of the message.
    pub fn media(&self) -> Option<media::Media<'_>> {
        media::find(self.doc.as_ref()?)
    }

    /// Returns the entities of the text, for pages.
    pub fn entities(&self) -> &Value {
        &self.entities
    }

    /// Returns what a message about the chat says, in words.
    pub fn service_words(&self, bot: &str) -> String {
        let doc = self.doc.as_ref().unwrap_or(&Value::Null);
        match (doc["migrate_to_chat_id"].as_i64(), doc["migrate_from_chat_id"].as_i64()) {
            (Some(to), _) => format!("This group has become the supergroup {to}."),
            (None, Some(from)) => format!("This supergroup was the group {from}."),
            (None, None) => format!("Person {} added {bot} to the group.", doc["from"]["id"]),
        }
    }

    /// Returns the emoji that the bot has reacted with.
    pub fn reaction(&self) -> Option<&str> {
        self.reaction.as_ref()?["emoji"].as_str()
    }

    pub fn is_edited(&self) -> bool {
        self.doc.as_ref().is_some_and(|doc| doc.get("edit_date").is_some())
    }

    /// Returns who has written the message. In a private chat that is the chat itself.
    pub fn user_id(&self, chat_id: i64) -> i64 {
        self.doc.as_ref().and_then(|doc| doc["from"]["id"].as_i64()).unwrap_or_else(|| chat_id.abs())
    }

    /// Renders the message for tests.
    pub fn listed(&self, chat_id: i64) -> Value {
        let doc = self.doc.as_ref().unwrap_or(&Value::Null);
        let file = self.media().map(|file| {
            json!({"kind": file.kind, "fileId": file.object["file_id"], "name": file.object["file_name"],
                "mimeType": file.object["mime_type"], "size": file.object["file_size"]})
        });
        json!({
            "from": self.sender, "text": self.text, "entities": self.entities, "messageId": self.message_id,
            "chatId": chat_id, "at": rfc3339(self.at), "replyToMessageId": self.reply_to,
            "userId": (!self.is_from_bot()).then(|| self.user_id(chat_id)), "threadId": self.thread_id,
            "mediaGroupId": doc["media_group_id"], "file": file, "replyMarkup": self.markup,
            "reaction": self.reaction, "edited": self.is_edited(),
        })
    }
}

/// Adds the message that is replied to.
pub(super) async fn with_reply(
    conn: &mut SqliteConnection,
    bot_id: i64,
    chat: &Chat,
    mut doc: Value,
    reply_to: Option<i64>,
) -> sqlx::Result<Value> {
    if let Some(message_id) = reply_to
        && let Some(replied) = find(conn, bot_id, chat.id, message_id).await?
    {
        doc["reply_to_message"] = replied.doc(chat);
    }
    Ok(doc)
}

/// Sets the fields of a topic. Telegram also numbers the reply threads of supergroups without topics, by their first message.
pub(super) fn set_thread(
    doc: &mut Value,
    chat: &Chat,
    thread_id: Option<i64>,
    replied: Option<&StoredMessage>,
) {
    if let Some(thread_id) = thread_id {
        doc["message_thread_id"] = json!(thread_id);
        doc["is_topic_message"] = json!(true);
    } else if let Some(replied) = replied.filter(|_| chat.kind == "supergroup" && !chat.is_forum) {
        let root = replied.doc(chat)["message_thread_id"].as_i64().unwrap_or(replied.message_id);
        doc["message_thread_id"] = json!(root);
    }
}
