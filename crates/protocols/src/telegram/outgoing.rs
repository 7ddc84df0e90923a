//! Texts with formatting, and the requests that send, edit and preview them.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::interaction::VENDOR;
use super::{Bot, TIMEOUT_MS, TYPING_TIMEOUT_MS, set_field};
use crate::http::HttpRequest;

/// The formatting of a piece of text (Bot API, type `MessageEntity`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextEntity {
    /// What it is.
    #[serde(flatten)]
    pub kind: EntityKind,
    /// Where the piece begins, in UTF-16 units.
    pub offset: usize,
    /// How long the piece is, in UTF-16 units.
    pub length: usize,
}

/// The kinds of formatting that assistants use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EntityKind {
    /// Bold text.
    Bold,
    /// Italic text.
    Italic,
    /// Struck text.
    Strikethrough,
    /// Monospaced text within a line. Contains no other entity.
    Code,
    /// A monospaced block. Contains no other entity.
    Pre {
        /// The programming language.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
    },
    /// Text with a link.
    TextLink {
        /// The address.
        url: String,
    },
    /// A quotation. Contains no other quotation.
    Blockquote,
}

/// A text and its formatting.
#[derive(Debug, Clone, Copy, Default)]
pub struct FormattedText<'a> {
    /// The text, with 1–4096 UTF-16 units.
    pub text: &'a str,
    /// Its formatting.
    pub entities: &'a [TextEntity],
}

impl FormattedText<'_> {
    fn set(self, body: &mut serde_json::Value) {
        body["text"] = self.text.into();
        if !self.entities.is_empty() {
            body["entities"] = json!(self.entities);
        }
    }
}

/// A message to send with [`Bot::send_message`].
#[derive(Debug, Clone, Copy)]
pub struct OutgoingMessage<'a> {
    /// The chat that the message is sent to.
    pub chat_id: i64,
    /// The topic of a forum.
    pub thread_id: Option<i64>,
    /// The message that is answered. If it has been deleted, Telegram sends the answer without the reference.
    pub reply_to: Option<i64>,
    /// What the message says.
    pub text: FormattedText<'a>,
}

impl Bot<'_> {
    /// `sendMessage` sends a message without link previews. It returns a [`super::SentMessage`].
    pub fn send_message(self, message: &OutgoingMessage<'_>) -> HttpRequest {
        let mut body = json!({
            "chat_id": message.chat_id,
            "link_preview_options": {"is_disabled": true},
        });
        message.text.set(&mut body);
        set_field(&mut body, "message_thread_id", message.thread_id);
        let reply = |id| json!({"message_id": id, "allow_sending_without_reply": true});
        set_field(&mut body, "reply_parameters", message.reply_to.map(reply));
        self.call("sendMessage", &body, TIMEOUT_MS)
    }

    /// `editMessageText` replaces the text of a message that was sent before its answer was complete. It may be repeated. Returns a
    /// [`super::SentMessage`].
    pub fn edit_message(self, chat_id: i64, message_id: i64, text: FormattedText<'_>) -> HttpRequest {
        let mut body = json!({
            "chat_id": chat_id,
            "message_id": message_id,
            "link_preview_options": {"is_disabled": true},
        });
        text.set(&mut body);
        self.call("editMessageText", &body, TIMEOUT_MS)
    }

    /// As [`Self::edit_message`], for an answer that is still being written: nothing depends on whether it arrives.
    pub fn edit_preview(self, chat_id: i64, message_id: i64, text: FormattedText<'_>) -> HttpRequest {
        let request = self.edit_message(chat_id, message_id, text);
        HttpRequest { vendor: VENDOR, timeout_ms: TYPING_TIMEOUT_MS, ..request }
    }

    /// `deleteMessage` deletes a message that the bot has sent within two days. Returns a `bool`.
    pub fn delete_message(self, chat_id: i64, message_id: i64) -> HttpRequest {
        let body = json!({"chat_id": chat_id, "message_id": message_id});
        HttpRequest { vendor: VENDOR, ..self.call("deleteMessage", &body, TIMEOUT_MS) }
    }

    /// `sendMessageDraft` shows a text that is still being written in a private chat. Drafts with the same `draft_id`, which is
    /// not 0, replace each other, and the next message replaces the last one. Returns a `bool`.
    pub fn send_draft(
        self,
        chat_id: i64,
        thread_id: Option<i64>,
        draft_id: i64,
        text: FormattedText<'_>,
    ) -> HttpRequest {
        let mut body = json!({"chat_id": chat_id, "draft_id": draft_id});
        text.set(&mut body);
        set_field(&mut body, "message_thread_id", thread_id);
        HttpRequest { vendor: VENDOR, ..self.call("sendMessageDraft", &body, TYPING_TIMEOUT_MS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_have_telegrams_format() {
        let link = EntityKind::TextLink { url: "https://e.org".to_owned() };
        let kinds = [EntityKind::Bold, EntityKind::Pre { language: None }, link];
        let entities = kinds.map(|kind| TextEntity { kind, offset: 2, length: 3 });
        let written = serde_json::to_value(&entities).expect("entities are JSON");
        let expected = json!([
            {"type": "bold", "offset": 2, "length": 3},
            {"type": "pre", "offset": 2, "length": 3},
            {"type": "text_link", "url": "https://e.org", "offset": 2, "length": 3},
        ]);
        assert_eq!(written, expected);
        let read: Vec<TextEntity> =
            serde_json::from_value(written).expect("entities are read as they are written");
        assert_eq!(read, entities);
        let text = FormattedText { text: "a bcd", entities: &entities[..1] };
        let request = Bot::new("https://telegram.test", "1:A").edit_message(-5, 7, text);
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("a body");
        assert_eq!((&body["message_id"], &body["entities"][0]["type"]), (&json!(7), &json!("bold")));
    }
}
