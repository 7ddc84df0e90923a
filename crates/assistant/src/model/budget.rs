//! How many tokens an answer may take, and with how many it is asked for once more.

use super::{ANSWER_TOKENS_MAX, ModelError, error::error_of};
use crate::host::HttpResponse;

/// Some providers allow no fewer.
const TOKENS_MIN: u32 = 16;

/// What an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most tokens of the answer, thinking included.
    pub tokens_max: u32,
    /// Whether the model is to think less than it would by itself.
    pub thinks_less: bool,
    /// Whether `tokens_max` is what the account can afford.
    is_affordable: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { tokens_max: ANSWER_TOKENS_MAX, thinks_less: false, is_affordable: false }
    }
}

impl Budget {
    /// The budget to ask with once more after this failure; `None` if another one is no use. An account that affords
    /// less is asked for less, and a model that only thought gets more room and thinks less, each once.
    pub fn after(self, error: ModelError, response: &HttpResponse) -> Option<Self> {
        match error {
            ModelError::OutOfCredit if !self.is_affordable => {
                let affordable = affordable_tokens(response).filter(|tokens| *tokens < self.tokens_max)?;
                // Prices of the providers behind a model differ: a little less is affordable at each.
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

    /// Why there is no answer in the end. A model that refuses to think less has still spent the first try thinking.
    pub fn final_error(self, error: ModelError) -> ModelError {
        match error {
            ModelError::Invalid | ModelError::ContextTooLong | ModelError::Empty if self.thinks_less => {
                ModelError::SpentThinking
            }
            error => error,
        }
    }
}

/// OpenRouter's "You requested up to 8192 tokens, but can only afford 3919."; `None` if that is too few for an answer.
fn affordable_tokens(response: &HttpResponse) -> Option<u32> {
    let error = error_of(&response.body);
    let message = error["message"].as_str()?.to_lowercase();
    let (_, rest) = message.split_once("can only afford ")?;
    number(rest.trim_start()).filter(|tokens| *tokens >= TOKENS_MIN)
}

/// The number that a text begins with. Three digits after a separator belong to it: `3,919`.
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
