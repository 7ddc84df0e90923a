//! Reads updates, leniently: what is not known is passed over, so that a new kind of message never stops a bot.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// One update of a bot.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "RawUpdate")]
pub struct Update {
    /// Its number, unique and growing within the bot.
    pub update_id: i64,
    /// The message, if it is one and can be read.
    pub message: Option<Message>,
}

impl Update {
    /// The chat it belongs to, whose turns have to run one after the other; `None` for what needs no turn.
    pub fn chat_id(&self) -> Option<i64> {
        self.message.as_ref().map(|message| message.chat.id)
    }
}

#[derive(Deserialize)]
struct RawUpdate {
    update_id: i64,
    message: Option<Value>,
}

impl From<RawUpdate> for Update {
    fn from(raw: RawUpdate) -> Self {
        let message = raw.message.and_then(|message| serde_json::from_value(message).ok());
        Self { update_id: raw.update_id, message }
    }
}

/// A message to the bot.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// Its number within the chat.
    pub message_id: i64,
    /// Who wrote it; nobody in channels.
    pub from: Option<User>,
    /// Where.
    pub chat: Chat,
    /// The topic, in forums.
    pub message_thread_id: Option<i64>,
    /// The words, if it is a text.
    pub text: Option<String>,
    /// What is marked up in the text.
    #[serde(default)]
    pub entities: Vec<Entity>,
    /// The message it answers.
    pub reply_to_message: Option<Box<Self>>,
    /// All other fields, by name: they say what a message without text is.
    #[serde(flatten)]
    other: BTreeMap<String, IgnoredAny>,
}

/// What people send that is not text. A message with none of these and no text is a notice of Telegram's own, such as
/// "has joined the group".
const ATTACHMENTS: [&str; 17] = [
    "animation",
    "audio",
    "checklist",
    "contact",
    "dice",
    "document",
    "game",
    "location",
    "paid_media",
    "photo",
    "poll",
    "sticker",
    "story",
    "venue",
    "video",
    "video_note",
    "voice",
];

impl Message {
    /// Whether it carries something that a person sent and that is not text.
    pub fn has_attachment(&self) -> bool {
        ATTACHMENTS.iter().any(|name| self.other.contains_key(*name))
    }

    /// The part of the text that an entity marks; `None` if it does not lie within the text.
    pub fn marked(&self, entity: &Entity) -> Option<String> {
        let units: Vec<u16> = self.text.as_ref()?.encode_utf16().collect();
        let end = entity.offset.checked_add(entity.length)?;
        String::from_utf16(units.get(entity.offset..end)?).ok()
    }
}

/// Someone in Telegram.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// Their id.
    pub id: i64,
    /// Whether it is a bot.
    pub is_bot: bool,
    /// Their first name.
    pub first_name: String,
}

/// A conversation.
#[derive(Debug, Clone, Deserialize)]
pub struct Chat {
    /// Its id; negative for groups.
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Chat {
    /// Whether one person talks to the bot alone.
    pub fn is_private(&self) -> bool {
        self.kind == "private"
    }
}

/// A marked piece of a text.
#[derive(Debug, Clone, Deserialize)]
pub struct Entity {
    /// What it is: `mention`, `bot_command`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it begins, in UTF-16 units.
    pub offset: usize,
    /// How long it is, in UTF-16 units.
    pub length: usize,
    /// Who is meant, for `text_mention`.
    pub user: Option<User>,
}

/// The bytes are not an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a Telegram update")]
pub struct BadUpdate;

/// Reads the body of a webhook's request.
///
/// # Errors
/// [`BadUpdate`] if it is not a JSON object with a numeric `update_id`. A message that cannot be read is no error:
/// the update has then no message.
pub fn parse_update(body: &[u8]) -> Result<Update, BadUpdate> {
    serde_json::from_slice(body).map_err(|_| BadUpdate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_and_odd_shapes_are_passed_over() {
        let update = parse_update(br#"{"update_id":7,"poll_answer":{"x":1}}"#).unwrap();
        assert_eq!((update.update_id, update.chat_id()), (7, None));
        let odd = parse_update(br#"{"update_id":8,"message":{"message_id":"new style"}}"#).unwrap();
        assert!(odd.message.is_none());
        for bad in ["", "[]", "{}", r#"{"update_id":"1"}"#, "null"] {
            assert_eq!(parse_update(bad.as_bytes()).unwrap_err(), BadUpdate, "{bad}");
        }
    }

    #[test]
    fn entities_count_in_utf16_units() {
        let update = parse_update(
            r#"{"update_id":1,"message":{"message_id":1,"chat":{"id":-5,"type":"group"},"date":1,
                "text":"😀 @my_bot hi","entities":[{"type":"mention","offset":3,"length":7},{"type":"bold","offset":1,"length":99}]}}"#
                .as_bytes(),
        )
        .unwrap();
        let message = update.message.unwrap();
        assert_eq!(message.marked(&message.entities[0]).as_deref(), Some("@my_bot"));
        assert_eq!(message.marked(&message.entities[1]), None);
        assert!(!message.has_attachment());
    }
}
