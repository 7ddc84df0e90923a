//! Who writes, and where: users and chats.

use serde::Deserialize;

use super::lenient::or_default;

/// The author of a message.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// The user's id; 0 if it is missing.
    #[serde(default, deserialize_with = "or_default")]
    pub id: i64,
    /// Whether the user is a bot.
    #[serde(default, deserialize_with = "or_default")]
    pub is_bot: bool,
    /// The first name; empty if it is missing.
    #[serde(default, deserialize_with = "or_default")]
    pub first_name: String,
    /// The last name.
    #[serde(default, deserialize_with = "or_default")]
    pub last_name: Option<String>,
    /// The username, without the @.
    #[serde(default, deserialize_with = "or_default")]
    pub username: Option<String>,
}

/// A private chat, a group, a supergroup or a channel.
#[derive(Debug, Clone, Deserialize)]
pub struct Chat {
    /// The id of the chat, which is negative for groups.
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: String,
    /// The title; `None` for private chats.
    #[serde(default, deserialize_with = "or_default")]
    pub title: Option<String>,
}

impl Chat {
    /// Whether the chat is between one person and the bot. An unknown kind is decided by the id, which is negative for
    /// groups.
    pub fn is_private(&self) -> bool {
        match self.kind.as_str() {
            "private" => true,
            "group" | "supergroup" | "channel" => false,
            _ => self.id > 0,
        }
    }
}
