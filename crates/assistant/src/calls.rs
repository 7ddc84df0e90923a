//! What calls of the model cost: estimated before they are made, and recorded with the reply.

use reef_domain::wire::Provider;
use reef_protocols::model::{ANSWER_TOKENS_MAX, Answer, Attachment, ModelError, Turn, Usage};

use crate::memory::Conversation;
use crate::settings::Settings;

/// How many tokens one call reads and writes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallEstimate<'a> {
    /// The provider of the model.
    pub provider: Provider,
    /// The provider's id of the model.
    pub model_id: &'a str,
    /// The tokens that the model reads.
    pub input_tokens: u64,
    /// The tokens that the model writes.
    pub output_tokens: u64,
}

/// Whether a call may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit {
    /// It may.
    Granted {
        /// What is reserved for it; `None` if the assistant has no allowance.
        reservation: Option<String>,
    },
    /// The allowance is used up.
    Exhausted {
        /// When the assistant continues, in milliseconds since 1970.
        continues_at_unix_ms: i64,
    },
}

/// What a call of the model was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// The answer to a question.
    Answer,
    /// The summary of a conversation.
    Summary,
}

/// A call of the model that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCall {
    /// What it was made for.
    pub kind: CallKind,
    /// What was reserved for it.
    pub reservation: Option<String>,
    /// Where it was made.
    pub conversation: Conversation,
    /// The Telegram user that it was made for; `None` for someone who writes on behalf of a chat.
    pub telegram_user_id: Option<i64>,
    /// The provider of the model.
    pub provider: Provider,
    /// The provider's id of the model.
    pub model_id: String,
    /// Whether the model has answered. Providers charge nothing for a call that fails.
    pub is_answered: bool,
    /// What it has used, if the provider says so.
    pub usage: Option<Usage>,
}

impl ModelCall {
    /// A call that is over, for nobody in particular.
    pub(crate) fn new(
        settings: &Settings,
        kind: CallKind,
        reservation: Option<String>,
        conversation: Conversation,
        answered: &Result<Answer, ModelError>,
    ) -> Self {
        Self {
            kind,
            reservation,
            conversation,
            telegram_user_id: None,
            provider: settings.provider,
            model_id: settings.model_id.clone(),
            is_answered: answered.is_ok(),
            usage: answered.as_ref().ok().and_then(|answer| answer.usage),
        }
    }
}

/// Bytes of a text per token, at least. English has about four, and what has fewer takes more bytes per character.
const BYTES_PER_TOKEN: u64 = 2;

/// Tokens of a file, at most, apart from those in proportion to its size. Providers count a few thousand for a picture, and
/// less than a hundred for a second of sound.
const TOKENS_PER_FILE: u64 = 4_000;

/// Bytes of a file per token, at least.
const FILE_BYTES_PER_TOKEN: u64 = 50;

/// An answer is asked for again with twice the budget if the model has used all of it to think.
const BUDGETS_PER_ANSWER: u64 = 3;

/// How often the input is sent, at most, for one answer that is paid for.
const INPUTS_PER_ANSWER: u64 = 2;

impl<'a> CallEstimate<'a> {
    /// Returns the most that a call with a text and a token budget takes, if it is made up to `calls` times and its budget is
    /// doubled once.
    pub(crate) fn of_text(settings: &'a Settings, bytes: usize, tokens_max: u32, calls: u64) -> Self {
        Self {
            provider: settings.provider,
            model_id: &settings.model_id,
            input_tokens: calls * (bytes as u64 / BYTES_PER_TOKEN),
            output_tokens: BUDGETS_PER_ANSWER * u64::from(tokens_max),
        }
    }

    /// Returns the most that one answer takes.
    pub(crate) fn of_answer(
        settings: &'a Settings,
        system: &str,
        turns: &[Turn],
        attachments: &[Attachment],
    ) -> Self {
        let text: usize = system.len() + turns.iter().map(|turn| turn.text.len()).sum::<usize>();
        let files: u64 = attachments.iter().map(|file| file_tokens(file.bytes.len())).sum();
        let answer = Self::of_text(settings, text, ANSWER_TOKENS_MAX, INPUTS_PER_ANSWER);
        Self { input_tokens: answer.input_tokens + INPUTS_PER_ANSWER * files, ..answer }
    }
}

const fn file_tokens(bytes: usize) -> u64 {
    TOKENS_PER_FILE + bytes as u64 / FILE_BYTES_PER_TOKEN
}
