//! Builds requests to the model providers and reads their responses. Answers are not streamed, because a complete
//! answer has to be saved before its first part is sent.
//!
//! Requests have no sampling parameters: Anthropic's newest version and OpenAI's reasoning models reject them.

pub(crate) mod answer;
pub(crate) mod budget;
mod chat;
mod check;
pub(crate) mod conversation;
pub(crate) mod error;
mod provider;
mod rate_limit;

pub use answer::{Answer, Model};
pub use budget::{ANSWER_TOKENS_MAX, TokenBudget};
pub use chat::{ANSWER_CHARS_MAX, chat_request, read_answer};
pub use check::{key_check_request, model_check_request, read_key_check, read_model_check};
pub use conversation::{Role, Turn};
pub use error::{ModelError, Reset};
pub use provider::default_url;
pub use rate_limit::LONG_WAIT_S;
