//! What happens besides messages: pressed buttons, and changes of the bot's membership.

use serde::Deserialize;

use super::lenient::or_default;
use super::parties::{Chat, User};

/// A button of an inline keyboard that someone has pressed.
#[derive(Debug, Clone, Deserialize)]
pub struct CallbackQuery {
    /// The id with which the press is answered.
    pub id: String,
    /// Who has pressed the button.
    pub from: User,
    /// The message with the button; `None` if it is too old.
    #[serde(default, deserialize_with = "or_default")]
    pub message: Option<PressedMessage>,
    /// The data of the button.
    #[serde(default, deserialize_with = "or_default")]
    pub data: Option<String>,
}

/// The message whose button was pressed.
#[derive(Debug, Clone, Deserialize)]
pub struct PressedMessage {
    /// The id of the message within its chat.
    pub message_id: i64,
    /// The chat of the message.
    pub chat: Chat,
}

/// The bot's membership in a chat, after it has changed.
#[derive(Debug, Clone, Deserialize)]
pub struct Membership {
    /// The chat.
    pub chat: Chat,
    /// Who has changed the membership.
    pub from: User,
    /// The membership after the change.
    pub new_chat_member: MemberStatus,
}

/// The status of a member of a chat.
#[derive(Debug, Clone, Deserialize)]
pub struct MemberStatus {
    /// `creator`, `administrator`, `member`, `restricted`, `left` or `kicked`.
    pub status: String,
    /// Whether a restricted member is in the chat.
    #[serde(default, deserialize_with = "or_default")]
    pub is_member: bool,
}

impl Membership {
    /// Whether the bot is in the chat now.
    pub fn is_member(&self) -> bool {
        match self.new_chat_member.status.as_str() {
            "creator" | "administrator" | "member" => true,
            "restricted" => self.new_chat_member.is_member,
            _ => false,
        }
    }
}
