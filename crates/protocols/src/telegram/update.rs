//! Parses updates leniently: unknown kinds and malformed fields are skipped, so that a change at Telegram never stops a
//! bot.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::events::{CallbackQuery, Membership};
use super::lenient::{or_default, skip_malformed};
use super::media::{ForwardOrigin, Location, Media, Quote, Sticker};
use super::parties::{Chat, User};

/// An update that a bot has received.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "RawUpdate")]
pub struct Update {
    /// Telegram's number of the update, unique and increasing within the bot.
    pub update_id: i64,
    /// The message, if the update has one and it can be parsed.
    pub message: Option<Message>,
    /// The new version of a message that was edited.
    pub edited_message: Option<Message>,
    /// A button that someone has pressed.
    pub callback_query: Option<CallbackQuery>,
    /// The bot's new membership in a chat.
    pub my_chat_member: Option<Membership>,
}

impl Update {
    /// The chat that the update is about. Updates of one chat must be processed one at a time; `None` needs no turn.
    pub fn chat_id(&self) -> Option<i64> {
        let message = self.message.as_ref().or(self.edited_message.as_ref());
        let pressed = || self.callback_query.as_ref().and_then(|query| query.message.as_ref());
        message
            .map(|message| message.chat.id)
            .or_else(|| pressed().map(|message| message.chat.id))
            .or_else(|| self.my_chat_member.as_ref().map(|membership| membership.chat.id))
    }
}

/// An element of the list that `getUpdates` returns.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Value")]
pub struct PolledUpdate {
    /// The element as JSON, as a webhook would have sent it.
    pub body: String,
    /// The update in `body`, if it is one.
    pub update: Result<Update, InvalidUpdate>,
}

impl From<Value> for PolledUpdate {
    fn from(value: Value) -> Self {
        let body = value.to_string();
        Self { update: parse_update(body.as_bytes()), body }
    }
}

#[derive(Deserialize)]
struct RawUpdate {
    update_id: i64,
    message: Option<Value>,
    edited_message: Option<Value>,
    callback_query: Option<Value>,
    my_chat_member: Option<Value>,
}

impl From<RawUpdate> for Update {
    fn from(raw: RawUpdate) -> Self {
        fn read<T: DeserializeOwned>(value: Option<Value>) -> Option<T> {
            value.and_then(|value| serde_json::from_value(value).ok())
        }
        Self {
            update_id: raw.update_id,
            message: read(raw.message),
            edited_message: read(raw.edited_message),
            callback_query: read(raw.callback_query),
            my_chat_member: read(raw.my_chat_member),
        }
    }
}

/// A message that the bot has received. A malformed field counts as absent, so that only a message without a chat is
/// lost.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// The id of the message within its chat; 0 if it is missing.
    #[serde(default, deserialize_with = "or_default")]
    pub message_id: i64,
    /// When the message was sent, in Unix seconds; 0 if that is missing.
    #[serde(default, deserialize_with = "or_default")]
    pub date: i64,
    /// The author. If someone writes on behalf of a chat, this is a placeholder account of Telegram.
    #[serde(default, deserialize_with = "or_default")]
    pub from: Option<User>,
    /// The chat on whose behalf the message was written: a channel, or the group itself for anonymous administrators.
    #[serde(default, deserialize_with = "or_default")]
    pub sender_chat: Option<Chat>,
    /// The title that an anonymous administrator has in the group.
    #[serde(default, deserialize_with = "or_default")]
    pub author_signature: Option<String>,
    /// Whether Telegram copied the message from a channel to its discussion group.
    #[serde(default, deserialize_with = "or_default")]
    pub is_automatic_forward: bool,
    /// The chat that the message was sent to.
    pub chat: Chat,
    /// The topic of a forum, or the thread of replies.
    #[serde(default, deserialize_with = "or_default")]
    pub message_thread_id: Option<i64>,
    /// Whether `message_thread_id` is a topic.
    #[serde(default, deserialize_with = "or_default")]
    pub is_topic_message: bool,
    /// The text, if the message is a text message.
    #[serde(default, deserialize_with = "or_default")]
    pub text: Option<String>,
    /// The mentions, commands and other entities in the text.
    #[serde(default, deserialize_with = "skip_malformed")]
    pub entities: Vec<Entity>,
    /// The caption of an attachment.
    #[serde(default, deserialize_with = "or_default")]
    pub caption: Option<String>,
    /// The mentions, commands and other entities in the caption.
    #[serde(default, deserialize_with = "skip_malformed")]
    pub caption_entities: Vec<Entity>,
    /// The album that the attachment is part of.
    #[serde(default, deserialize_with = "or_default")]
    pub media_group_id: Option<String>,
    /// The sizes of a photo, smallest first.
    #[serde(default, deserialize_with = "skip_malformed")]
    pub photo: Vec<Media>,
    /// A file.
    #[serde(default, deserialize_with = "or_default")]
    pub document: Option<Media>,
    /// A voice message.
    #[serde(default, deserialize_with = "or_default")]
    pub voice: Option<Media>,
    /// A piece of music.
    #[serde(default, deserialize_with = "or_default")]
    pub audio: Option<Media>,
    /// A round video message.
    #[serde(default, deserialize_with = "or_default")]
    pub video_note: Option<Media>,
    /// A sticker.
    #[serde(default, deserialize_with = "or_default")]
    pub sticker: Option<Sticker>,
    /// A location, also that of a venue.
    #[serde(default, deserialize_with = "or_default")]
    pub location: Option<Location>,
    /// The part of the message replied to that was quoted.
    #[serde(default, deserialize_with = "or_default")]
    pub quote: Option<Quote>,
    /// Where a forwarded message comes from.
    #[serde(default, deserialize_with = "or_default")]
    pub forward_origin: Option<ForwardOrigin>,
    /// The message that this one replies to.
    #[serde(default, deserialize_with = "or_default")]
    pub reply_to_message: Option<Box<Self>>,
    /// The id of the supergroup, in the last service message of a group that became one.
    #[serde(default, deserialize_with = "or_default")]
    pub migrate_to_chat_id: Option<i64>,
    /// The id of the former group, in the first service message of a supergroup.
    #[serde(default, deserialize_with = "or_default")]
    pub migrate_from_chat_id: Option<i64>,
    /// All other fields by name. They say which kind of attachment the message has.
    #[serde(flatten)]
    other: BTreeMap<String, Option<IgnoredAny>>,
}

/// The fields of attachments, each with its label for the model. A message with none of these and without text is a
/// service message, such as "has joined the group". If a message has two of them, the first is more specific: an
/// animation is also sent as a document, and a venue as a location.
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

/// The placeholder in `from` for people who write as the group (`@GroupAnonymousBot`).
const GROUP_ANONYMOUS_BOT_ID: i64 = 1_087_968_824;
/// The placeholder in `from` for people who write as a channel (`@Channel_Bot`).
const CHANNEL_BOT_ID: i64 = 136_817_688;
/// The account that copies a channel's posts to its discussion group.
const TELEGRAM_ID: i64 = 777_000;

/// The maximum length of a name for the model, in characters. Telegram allows titles of 255.
const NAME_CHARS_MAX: usize = 64;

impl Message {
    /// Returns the ids of a group and of the supergroup that it became, if this is one of the two service messages
    /// about it.
    pub fn migration(&self) -> Option<(i64, i64)> {
        let here = self.chat.id;
        let (from, to) = match (self.migrate_to_chat_id, self.migrate_from_chat_id) {
            (Some(to), _) => (here, to),
            (None, Some(from)) => (from, here),
            (None, None) => return None,
        };
        // Only groups migrate, and their ids are negative.
        (from < 0 && to < 0 && from != to).then_some((from, to))
    }

    /// Whether the message has an attachment that the assistant cannot read.
    pub fn has_attachment(&self) -> bool {
        self.attachment_label().is_some()
    }

    /// The label of the attachment for the model, such as `photo`.
    pub fn attachment_label(&self) -> Option<&'static str> {
        let is_there = |field: &str| match field {
            "photo" => !self.photo.is_empty(),
            "document" => self.document.is_some(),
            "voice" => self.voice.is_some(),
            "audio" => self.audio.is_some(),
            "video_note" => self.video_note.is_some(),
            "sticker" => self.sticker.is_some(),
            "location" => self.location.is_some(),
            other => self.other.get(other).is_some_and(Option::is_some),
        };
        ATTACHMENTS.iter().find(|(field, _)| is_there(field)).map(|(_, label)| *label)
    }

    /// Whether a person wrote the message: under their own name, as an anonymous administrator, or as a channel in a
    /// group. Messages of bots, posts in channels and Telegram's copies of them do not count.
    pub fn is_from_person(&self) -> bool {
        if self.is_automatic_forward || self.chat.kind == "channel" {
            return false;
        }
        let Some(from) = &self.from else {
            let is_as_chat = |sender: &Chat| sender.id == self.chat.id || sender.kind == "channel";
            return self.chat.is_private() || self.sender_chat.as_ref().is_some_and(is_as_chat);
        };
        match (from.id, &self.sender_chat) {
            (GROUP_ANONYMOUS_BOT_ID, Some(sender)) => sender.id == self.chat.id,
            (CHANNEL_BOT_ID, Some(sender)) => sender.kind == "channel",
            (TELEGRAM_ID, _) => false,
            _ => !from.is_bot,
        }
    }

    /// The author's name for the model, on one line and without colons, so that a name cannot imitate another speaker.
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

    /// The text or caption without surrounding white space; empty if there is neither.
    pub fn text_or_caption(&self) -> &str {
        self.text.as_deref().or(self.caption.as_deref()).unwrap_or_default().trim()
    }

    /// The entities of the text or caption, each with the text it covers. Entities outside the text are skipped.
    pub fn entities_with_text(&self) -> impl Iterator<Item = (&Entity, String)> {
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

/// A mention, a command or another special part of a text.
#[derive(Debug, Clone, Deserialize)]
pub struct Entity {
    /// The kind of the entity: `mention`, `bot_command`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Where the entity begins, in UTF-16 units.
    pub offset: usize,
    /// The length of the entity, in UTF-16 units.
    pub length: usize,
    /// The mentioned user, for `text_mention`.
    #[serde(default, deserialize_with = "or_default")]
    pub user: Option<User>,
}

/// The body of a request is not an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a Telegram update")]
pub struct InvalidUpdate;

/// Parses the body of a request that Telegram sent to a bot's webhook.
///
/// # Errors
/// [`InvalidUpdate`] if the body is not a JSON object with a numeric `update_id`. A malformed message is not an error;
/// the update then has no message.
pub fn parse_update(body: &[u8]) -> Result<Update, InvalidUpdate> {
    serde_json::from_slice(body).map_err(|_| InvalidUpdate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kind_or_malformed_message_is_skipped() {
        let update = parse_update(br#"{"update_id":7,"poll_answer":{"x":1}}"#).unwrap();
        assert_eq!((update.update_id, update.chat_id()), (7, None));
        let odd = parse_update(br#"{"update_id":8,"message":{"message_id":"new style"}}"#).unwrap();
        assert!(odd.message.is_none());
        for bad in ["", "[]", "{}", r#"{"update_id":"1"}"#, "null"] {
            assert_eq!(parse_update(bad.as_bytes()).unwrap_err(), InvalidUpdate, "{bad}");
        }
    }

    #[test]
    fn entity_offsets_are_utf16_units() {
        let update = parse_update(
            r#"{"update_id":1,"message":{"message_id":1,"chat":{"id":-5,"type":"group"},"date":1,
                "text":"😀 @my_bot hi","entities":[{"type":"mention","offset":3,"length":7},{"type":"bold","offset":1,"length":99}]}}"#
                .as_bytes(),
        )
        .unwrap();
        let message = update.message.unwrap();
        let marked: Vec<_> =
            message.entities_with_text().map(|(entity, words)| (entity.kind.as_str(), words)).collect();
        assert_eq!(marked, [("mention", "@my_bot".to_owned())]);
        assert!(!message.has_attachment());
    }
}
