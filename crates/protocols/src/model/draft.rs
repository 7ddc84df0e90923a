//! An answer while it is read, whole or piece by piece, in terms that all providers share.

use super::usage::Usage;

/// The maximum length of an answer in characters, whatever the provider sends. It is more than [`ANSWER_TOKENS_MAX`](super::ANSWER_TOKENS_MAX)
/// tokens have in any language, and at most fifteen Telegram messages.
pub const ANSWER_CHARS_MAX: usize = 60_000;

/// What is known of an answer so far. Each provider's module fills it and decides in the end what it means.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// The text so far, without leading blanks and at most [`ANSWER_CHARS_MAX`] characters long.
    pub text: String,
    text_chars: usize,
    /// Whether text was left out because of its length.
    pub is_overlong: bool,
    /// Why the answer has ended, in the provider's words. `None` if it has not.
    pub finish: Option<String>,
    /// The reason of the provider behind OpenRouter, in lower case.
    pub native_finish: String,
    /// Whether the model or a filter declined.
    pub is_declined: bool,
    /// Whether the provider has said that nothing more will come.
    pub is_closed: bool,
    /// What the answer has cost, if the provider has said so.
    pub usage: Option<Usage>,
}

impl Draft {
    /// Appends text that people may see.
    pub fn push_text(&mut self, piece: &str) {
        let piece = if self.text.is_empty() { piece.trim_start() } else { piece };
        let left = ANSWER_CHARS_MAX - self.text_chars;
        let kept = match piece.char_indices().nth(left) {
            Some((end, _)) => {
                // Blanks at the end of an answer are not part of it.
                self.is_overlong |= !piece[end..].trim().is_empty();
                &piece[..end]
            }
            None => piece,
        };
        self.text_chars += kept.chars().count();
        self.text.push_str(kept);
    }

    /// Whether the answer has come to its end.
    pub fn is_complete(&self) -> bool {
        self.finish.is_some() || self.is_closed || self.is_declined
    }
}
