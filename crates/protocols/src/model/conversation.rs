//! A conversation as every provider receives it: turns of a person and of the assistant.

use serde::{Deserialize, Serialize};

/// The author of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person in the chat wrote it.
    User,
    /// The assistant wrote it.
    Assistant,
}

/// One turn of a conversation: a message from a person or from the assistant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Whether a person or the assistant wrote the text.
    pub role: Role,
    /// The text as the model received or wrote it.
    pub text: String,
}

impl Turn {
    /// Creates the turn of a person.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, text: text.into() }
    }

    /// Creates the turn of the assistant.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self { role: Role::Assistant, text: text.into() }
    }
}
