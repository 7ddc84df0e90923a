//! The token budget of an answer, and with which other budget a failed request is sent once more.

use super::{ANSWER_TOKENS_MAX, ModelError, error::error_of};
use crate::host::HttpResponse;

/// The minimum that every provider accepts.
const TOKENS_MIN: u32 = 16;

/// How many tokens an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The maximum number of tokens, including those for thinking.
    pub tokens_max: u32,
    /// Whether the model is asked to think less than by default.
    pub thinks_less: bool,
    /// Whether `tokens_max` was reduced to what the account can afford.
    is_affordable: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { tokens_max: ANSWER_TOKENS_MAX, thinks_less: false, is_affordable: false }
    }
}

impl Budget {
    /// Returns the budget to retry with after a failure, or `None` if another budget would not help. If the account
    /// cannot afford the budget, it is reduced; if the model spent all of it on thinking, it is doubled and the model
    /// is asked to think less. Each happens once.
    pub fn after(self, error: ModelError, response: &HttpResponse) -> Option<Self> {
        match error {
            ModelError::OutOfCredit if !self.is_affordable => {
                let affordable = affordable_tokens(response).filter(|tokens| *tokens < self.tokens_max)?;
                // OpenRouter may choose another provider with a higher price, so the budget stays 2% below the limit.
                let tokens_max = (affordable - affordable / 50).max(TOKENS_MIN);
                Some(Self { tokens_max, is_affordable: true, ..self })
            }
            ModelError::SpentThinking if !self.thinks_less => {
                let tokens_max = if self.is_affordable { self.tokens_max } else { 2 * self.tokens_max };
                Some(Self { tokens_max, thinks_less: true, ..self })
            }
            _ => None,
        }
    }

    /// Returns the error to report in the end. If a model rejects the request to think less, the reason is still that
    /// it spent the first budget on thinking.
    pub fn final_error(self, error: ModelError) -> ModelError {
        match error {
            ModelError::Invalid | ModelError::ContextTooLong | ModelError::Empty if self.thinks_less => {
                ModelError::SpentThinking
            }
            error => error,
        }
    }
}

/// Reads the number from OpenRouter's "You requested up to 8192 tokens, but can only afford 3919." `None` if it is too
/// small for an answer.
fn affordable_tokens(response: &HttpResponse) -> Option<u32> {
    let error = error_of(&response.body);
    let message = error["message"].as_str()?.to_lowercase();
    let (_, rest) = message.split_once("can only afford ")?;
    number(rest.trim_start()).filter(|tokens| *tokens >= TOKENS_MIN)
}

/// Parses the number at the beginning of a text, with or without thousands separators: `3919`, `3,919`.
fn number(text: &str) -> Option<u32> {
    let chars: Vec<char> = text.chars().take(40).collect();
    let digits_at = |from: usize| chars[from..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut end = digits_at(0);
    let mut digits: String = chars[..end].iter().collect();
    let may_be_grouped = (1..=3).contains(&end);
    while may_be_grouped
        && chars.get(end).is_some_and(|c| matches!(c, ',' | '.' | ' ' | '\'' | '_' | '\u{a0}' | '\u{202f}'))
        && digits_at(end + 1) == 3
    {
        digits.extend(&chars[end + 1..end + 4]);
        end += 4;
    }
    digits.parse().ok()
}
