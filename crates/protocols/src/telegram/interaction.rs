//! Requests about buttons, and messages that are not replies.

use serde_json::json;

use super::{Bot, TIMEOUT_MS};
use crate::http::HttpRequest;

/// The name in metrics of what may be lost: notices, drafts and answers to buttons.
pub(super) const VENDOR: &str = "telegram_notice";

impl Bot<'_> {
    /// `sendMessage` with a row of buttons, each with its label and its data (1–64 bytes). Unlike a reply, nobody waits for it.
    pub fn send_notice(self, chat_id: i64, text: &str, buttons: &[(&str, String)]) -> HttpRequest {
        let mut body =
            json!({"chat_id": chat_id, "text": text, "link_preview_options": {"is_disabled": true}});
        if !buttons.is_empty() {
            let button = |(label, data): &(&str, String)| json!({"text": label, "callback_data": data});
            let row: Vec<_> = buttons.iter().map(button).collect();
            body["reply_markup"] = json!({"inline_keyboard": [row]});
        }
        HttpRequest { vendor: VENDOR, ..self.call("sendMessage", &body, TIMEOUT_MS) }
    }

    /// `answerCallbackQuery` ends the waiting state of a pressed button and shows a text of at most 200 characters.
    pub fn answer_callback_query(self, query_id: &str, text: &str) -> HttpRequest {
        let body = json!({"callback_query_id": query_id, "text": text});
        HttpRequest { vendor: VENDOR, ..self.call("answerCallbackQuery", &body, TIMEOUT_MS) }
    }

    /// `editMessageText` replaces the text of a message of the bot and removes its buttons.
    pub fn edit_message_text(self, chat_id: i64, message_id: i64, text: &str) -> HttpRequest {
        let body = json!({"chat_id": chat_id, "message_id": message_id, "text": text});
        HttpRequest { vendor: VENDOR, ..self.call("editMessageText", &body, TIMEOUT_MS) }
    }
}
