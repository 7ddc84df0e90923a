//! Builds requests to the model providers and reads their responses, whole or while they are streamed.
//!
//! Requests have no sampling parameters: Anthropic's newest version and OpenAI's reasoning models reject them.

pub(crate) mod answer;
pub(crate) mod attachment;
pub(crate) mod budget;
mod chat;
mod check;
pub(crate) mod conversation;
pub(crate) mod draft;
pub(crate) mod error;
pub(crate) mod prompt;
mod provider;
mod rate_limit;
mod sse;
mod stream;
mod transcription;
pub(crate) mod usage;

pub use answer::{Answer, Model};
pub use attachment::{Attachment, AttachmentKind, accepts, attachment_bytes_max};
pub use budget::{ANSWER_TOKENS_MAX, TokenBudget};
pub use chat::{chat_request, read_answer, stream_request};
pub use check::{key_check_request, model_check_request, read_key_check, read_model_check};
pub use conversation::{Role, Turn};
pub use draft::ANSWER_CHARS_MAX;
pub use error::{ModelError, Reset};
pub use provider::default_url;
pub use rate_limit::LONG_WAIT_S;
pub use stream::AnswerStream;
pub use transcription::{read_transcription, transcription_request};
pub use usage::Usage;
