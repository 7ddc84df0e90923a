//! The token budget of an answer, and the budget with which a failed request is sent once more.

use super::error::{ModelError, find_error};
use crate::http::HttpResponse;

/// The maximum length of an answer in tokens: several Telegram messages, with room for the thinking that reasoning
/// models count as output. It also bounds the cost of a turn, which sends at most one more request with twice the
/// budget.
pub const ANSWER_TOKENS_MAX: u32 = 8_192;

/// The minimum that every provider accepts.
const TOKENS_MIN: u32 = 16;

/// How many tokens an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBudget {
    /// The maximum number of tokens, including those for thinking.
    pub tokens_max: u32,
    /// Whether the model is asked to think less than by default.
    pub reduces_thinking: bool,
    /// Whether `tokens_max` was reduced to what the account can afford.
    is_limited_by_credit: bool,
}

impl Default for TokenBudget {
    fn default() -> Self {
        Self { tokens_max: ANSWER_TOKENS_MAX, reduces_thinking: false, is_limited_by_credit: false }
    }
}

impl TokenBudget {
    /// Returns the budget to retry with after a failure, or `None` if another budget would not help. If the account
    /// cannot afford the budget, it is reduced; if the model spent all of it on thinking, it is doubled and the model
    /// is asked to think less. Each happens once.
    pub fn retry_budget(self, error: ModelError, response: &HttpResponse) -> Option<Self> {
        match error {
            ModelError::OutOfCredit if !self.is_limited_by_credit => {
                let affordable = affordable_tokens(response).filter(|tokens| *tokens < self.tokens_max)?;
                // OpenRouter may choose another provider with a higher price, so the budget stays 2% below the limit.
                let tokens_max = (affordable - affordable / 50).max(TOKENS_MIN);
                Some(Self { tokens_max, is_limited_by_credit: true, ..self })
            }
            ModelError::ThinkingOnly if !self.reduces_thinking => {
                let tokens_max =
                    if self.is_limited_by_credit { self.tokens_max } else { 2 * self.tokens_max };
                Some(Self { tokens_max, reduces_thinking: true, ..self })
            }
            _ => None,
        }
    }

    /// Returns the error to report. If a model rejects the request to think less, the reason is still that
    /// it spent the first budget on thinking.
    pub fn final_error(self, error: ModelError) -> ModelError {
        match error {
            ModelError::UnexpectedResponse | ModelError::ContextTooLong | ModelError::EmptyAnswer
                if self.reduces_thinking =>
            {
                ModelError::ThinkingOnly
            }
            error => error,
        }
    }
}

/// Reads the number from OpenRouter's "You requested up to 8192 tokens, but can only afford 3919." `None` if it is too
/// small for an answer.
fn affordable_tokens(response: &HttpResponse) -> Option<u32> {
    let error = find_error(&response.body);
    let message = error["message"].as_str()?.to_lowercase();
    let (_, rest) = message.split_once("can only afford ")?;
    parse_leading_number(rest.trim_start()).filter(|tokens| *tokens >= TOKENS_MIN)
}

/// Parses the number at the beginning of a text, with or without thousands separators: `3919`, `3,919`.
fn parse_leading_number(text: &str) -> Option<u32> {
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
