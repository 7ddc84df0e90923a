//! A conversation as the scripted model reads it, whatever the vendor.

use super::shown::Shown;

/// The approximate number of characters per token.
const TOKEN_CHARS: usize = 4;
/// The tokens that a vendor counts for an image or a page, roughly.
const ATTACHMENT_TOKENS: i64 = 1_000;

/// The author of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Assistant,
}

/// One message of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub role: Role,
    pub text: String,
    pub attachments: Vec<Shown>,
}

/// What a model is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    pub system: String,
    pub turns: Vec<Turn>,
}

impl Conversation {
    /// The last message of a person.
    pub fn last_user(&self) -> Option<&Turn> {
        self.turns.iter().rfind(|turn| turn.role == Role::User)
    }

    /// Appends a message. Messages of the same author in a row become one, as Anthropic does it.
    pub fn push(&mut self, turn: Turn) {
        match self.turns.last_mut().filter(|last| last.role == turn.role) {
            Some(last) => {
                if !last.text.is_empty() && !turn.text.is_empty() {
                    last.text.push('\n');
                }
                last.text.push_str(&turn.text);
                last.attachments.extend(turn.attachments);
            }
            None => self.turns.push(turn),
        }
    }

    /// Estimates the tokens of the messages. The system prompt is free, so that small limits of credit can be tested.
    pub fn prompt_tokens(&self) -> i64 {
        let count = |turn: &Turn| {
            let shown = i64::try_from(turn.attachments.len()).unwrap_or(i64::MAX);
            tokens(&turn.text) + 4 + shown * ATTACHMENT_TOKENS
        };
        self.turns.iter().map(count).sum()
    }
}

/// Estimates the tokens of a text, which are at least one.
pub(super) fn tokens(text: &str) -> i64 {
    i64::try_from(text.chars().count().div_ceil(TOKEN_CHARS).max(1)).unwrap_or(i64::MAX)
}

/// Truncates a reply to the token limit. Returns whether anything was removed.
pub(super) fn truncate(text: String, tokens_max: Option<i64>) -> (String, bool) {
    let Some(chars_max) =
        tokens_max.and_then(|max| usize::try_from(max).ok()).map(|max| max.saturating_mul(TOKEN_CHARS))
    else {
        return (text, false);
    };
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => (text[..at].to_owned(), true),
        None => (text, false),
    }
}
