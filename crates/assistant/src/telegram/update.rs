//! Reads updates, leniently: what is not known is passed over, so that a new kind of message never stops a bot.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
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

/// A message to the bot. A field that cannot be read counts as absent, so that only a message without a chat is lost.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// Its number within the chat; 0 if there is none.
    #[serde(default, deserialize_with = "or_default")]
    pub message_id: i64,
    /// When it was sent, in unix seconds; 0 if that is not known.
    #[serde(default, deserialize_with = "or_default")]
    pub date: i64,
    /// Who wrote it. For who writes as a chat, a stand-in of Telegram's.
    #[serde(default, deserialize_with = "or_default")]
    pub from: Option<User>,
    /// The chat that it was written as: the group itself for its anonymous administrators, or a channel.
    #[serde(default, deserialize_with = "or_default")]
    pub sender_chat: Option<Chat>,
    /// What an anonymous administrator is called.
    #[serde(default, deserialize_with = "or_default")]
    pub author_signature: Option<String>,
    /// Whether Telegram copied it from a channel to the group where its posts are discussed.
    #[serde(default, deserialize_with = "or_default")]
    pub is_automatic_forward: bool,
    /// Where.
    pub chat: Chat,
    /// The topic of a forum, or the thread of replies.
    #[serde(default, deserialize_with = "or_default")]
    pub message_thread_id: Option<i64>,
    /// Whether that is a topic.
    #[serde(default, deserialize_with = "or_default")]
    pub is_topic_message: bool,
    /// The words, if it is a text.
    #[serde(default, deserialize_with = "or_default")]
    pub text: Option<String>,
    /// What is marked up in the text.
    #[serde(default, deserialize_with = "readable")]
    pub entities: Vec<Entity>,
    /// The words below an attachment.
    #[serde(default, deserialize_with = "or_default")]
    pub caption: Option<String>,
    /// What is marked up in the caption.
    #[serde(default, deserialize_with = "readable")]
    pub caption_entities: Vec<Entity>,
    /// The album that the attachment is part of.
    #[serde(default, deserialize_with = "or_default")]
    pub media_group_id: Option<String>,
    /// The message it answers.
    #[serde(default, deserialize_with = "or_default")]
    pub reply_to_message: Option<Box<Self>>,
    /// In the last notice of a group that became a supergroup: the supergroup's id.
    #[serde(default, deserialize_with = "or_default")]
    pub migrate_to_chat_id: Option<i64>,
    /// In the first notice of such a supergroup: the group's id.
    #[serde(default, deserialize_with = "or_default")]
    pub migrate_from_chat_id: Option<i64>,
    /// All other fields, by name: they say what a message without text is.
    #[serde(flatten)]
    other: BTreeMap<String, Option<IgnoredAny>>,
}

/// The value, or the default where it is not what it should be.
fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Those elements of a list that are what they should be.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let Value::Array(values) = Value::deserialize(deserializer)? else { return Ok(Vec::new()) };
    Ok(values.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect())
}

/// What people send that is not text, with what the model is told about it. A message with none of these and no words
/// is a notice of Telegram's own, such as "has joined the group". Where two are sent together the first says more: an
/// animation is a document too, and a venue a location.
const ATTACHMENTS: [(&str, &str); 17] = [
    ("animation", "animation"),
    ("audio", "audio"),
    ("checklist", "checklist"),
    ("contact", "contact"),
    ("dice", "dice"),
    ("document", "file"),
    ("game", "game"),
    ("venue", "place"),
    ("location", "location"),
    ("paid_media", "paid media"),
    ("photo", "photo"),
    ("poll", "poll"),
    ("sticker", "sticker"),
    ("story", "story"),
    ("video", "video"),
    ("video_note", "video message"),
    ("voice", "voice message"),
];

/// Telegram's stand-ins in `from` for people who write as the group (`@GroupAnonymousBot`) and as a channel
/// (`@Channel_Bot`), and the account that copies a channel's posts to its discussion group.
const GROUP_ANONYMOUS_BOT: i64 = 1_087_968_824;
const CHANNEL_BOT: i64 = 136_817_688;
const TELEGRAM: i64 = 777_000;

/// Names are shortened to this many characters for the model; Telegram allows 255 in a title.
const NAME_CHARS_MAX: usize = 64;

impl Message {
    /// The group and the supergroup that it became, in either of the two notices that say so.
    pub fn migration(&self) -> Option<(i64, i64)> {
        let here = self.chat.id;
        let (from, to) = match (self.migrate_to_chat_id, self.migrate_from_chat_id) {
            (Some(to), _) => (here, to),
            (None, Some(from)) => (from, here),
            (None, None) => return None,
        };
        // Only groups move, and their ids are negative.
        (from < 0 && to < 0 && from != to).then_some((from, to))
    }

    /// Whether it carries something that a person sent and that is not text.
    pub fn has_attachment(&self) -> bool {
        self.attachment().is_some()
    }

    /// What is attached, in a word.
    pub fn attachment(&self) -> Option<&'static str> {
        let is_there = |field: &str| self.other.get(field).is_some_and(Option::is_some);
        ATTACHMENTS.iter().find(|(field, _)| is_there(field)).map(|(_, label)| *label)
    }

    /// Whether a person wrote it: somebody of their own, an anonymous administrator, or somebody as their channel. No
    /// bot did, and it is not a channel's post, nor Telegram's copy of one.
    pub fn is_from_person(&self) -> bool {
        if self.is_automatic_forward || self.chat.kind == "channel" {
            return false;
        }
        let Some(from) = &self.from else {
            let is_as_chat = |sender: &Chat| sender.id == self.chat.id || sender.kind == "channel";
            return self.chat.is_private() || self.sender_chat.as_ref().is_some_and(is_as_chat);
        };
        match (from.id, &self.sender_chat) {
            (GROUP_ANONYMOUS_BOT, Some(sender)) => sender.id == self.chat.id,
            (CHANNEL_BOT, Some(sender)) => sender.kind == "channel",
            (TELEGRAM, _) => false,
            _ => !from.is_bot,
        }
    }

    /// What its author is called, on one line and without a colon, so that nobody's name reads like another speaker.
    pub fn author_name(&self) -> String {
        let of_chat = self.sender_chat.as_ref().and_then(|sender| {
            let signature = self.author_signature.as_deref().filter(|name| !name.trim().is_empty());
            signature.or(sender.title.as_deref())
        });
        let name = of_chat.or(self.from.as_ref().map(|from| from.first_name.as_str())).unwrap_or_default();
        let words = name.split(|c: char| c.is_whitespace() || c.is_control() || c == ':');
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let name: String = words.join(" ").chars().take(NAME_CHARS_MAX).collect();
        if name.is_empty() { "Someone".to_owned() } else { name }
    }

    /// What was said, in the text or the caption, without white space around; empty if nothing was.
    pub fn words(&self) -> &str {
        self.text.as_deref().or(self.caption.as_deref()).unwrap_or_default().trim()
    }

    /// The marked pieces of what was said, each with what it marks. What does not lie within the words is left out.
    pub fn marked(&self) -> impl Iterator<Item = (&Entity, String)> {
        let (words, entities) = match (&self.text, &self.caption) {
            (Some(text), _) => (text.as_str(), self.entities.as_slice()),
            (None, Some(caption)) => (caption.as_str(), self.caption_entities.as_slice()),
            (None, None) => ("", &[][..]),
        };
        let units: Vec<u16> = words.encode_utf16().collect();
        entities.iter().filter_map(move |entity| {
            let end = entity.offset.checked_add(entity.length)?;
            Some((entity, String::from_utf16(units.get(entity.offset..end)?).ok()?))
        })
    }
}

/// Someone in Telegram.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// Their id; 0 if there is none.
    #[serde(default, deserialize_with = "or_default")]
    pub id: i64,
    /// Whether it is a bot.
    #[serde(default, deserialize_with = "or_default")]
    pub is_bot: bool,
    /// Their first name; empty if there is none.
    #[serde(default, deserialize_with = "or_default")]
    pub first_name: String,
}

/// A conversation.
#[derive(Debug, Clone, Deserialize)]
pub struct Chat {
    /// Its id; negative for groups.
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: String,
    /// What it is called; people's chats have no title.
    #[serde(default, deserialize_with = "or_default")]
    pub title: Option<String>,
}

impl Chat {
    /// Whether one person talks to the bot alone. A kind that is not known goes by the id, which is negative for groups.
    pub fn is_private(&self) -> bool {
        match self.kind.as_str() {
            "private" => true,
            "group" | "supergroup" | "channel" => false,
            _ => self.id > 0,
        }
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
    #[serde(default, deserialize_with = "or_default")]
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
        let marked: Vec<_> = message.marked().map(|(entity, words)| (entity.kind.as_str(), words)).collect();
        assert_eq!(marked, [("mention", "@my_bot".to_owned())]);
        assert!(!message.has_attachment());
    }
}
