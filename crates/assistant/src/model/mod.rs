//! Builds requests to the model providers and reads their responses. Answers are not streamed, because a complete
//! answer has to be saved before its first part is sent.
//!
//! Requests have no sampling parameters: Anthropic's newest version and OpenAI's reasoning models reject them.

mod anthropic;
mod budget;
mod check;
mod error;
mod error_reply;
mod google;
mod openai;
mod rate_limit;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use budget::TokenBudget;
pub use check::{key_check_request, model_check_request, read_key_check, read_model_check};
pub use error::ModelError;
pub use rate_limit::Reset;

use crate::host::{HttpRequest, HttpResponse};
use crate::memory::Turn;
use crate::settings::{Provider, Settings};

/// The maximum length of an answer in tokens: several Telegram messages, with room for the thinking that reasoning
/// models count as output. It also bounds the cost of a turn, which sends at most one more request with twice the
/// budget.
pub const ANSWER_TOKENS_MAX: u32 = 8_192;

/// The maximum length of an answer in characters, whatever the provider sends. It is more than [`ANSWER_TOKENS_MAX`]
/// tokens have in any language, and at most fifteen Telegram messages.
pub const ANSWER_CHARS_MAX: usize = 60_000;

/// The timeout of a request to a model, in milliseconds.
const CHAT_TIMEOUT_MS: u64 = 120_000;

/// The answer of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text of the answer, never blank.
    pub text: String,
    /// Whether the answer is incomplete, because of the length limit or a failure of the provider.
    pub is_truncated: bool,
}

/// Builds the request for the next answer of a conversation. `turns` alternate between person and assistant, and begin
/// and end with a person's.
pub fn chat_request(settings: &Settings, system: &str, turns: &[Turn], budget: TokenBudget) -> HttpRequest {
    let (path, body) = match settings.provider {
        Provider::Anthropic => anthropic::request(settings, system, turns, budget),
        Provider::OpenAi | Provider::OpenRouter => openai::request(settings, system, turns, budget),
        Provider::Google => google::request(settings, system, turns, budget),
    };
    let url = format!("{}{path}", settings.provider_url);
    let request = HttpRequest::post_json(settings.provider.name(), url, &body, CHAT_TIMEOUT_MS);
    with_key(request, settings.provider, &settings.api_key)
}

/// Reads the response to [`chat_request`]. `now_unix_ms` is the current time, to which waits are relative.
///
/// # Errors
/// [`ModelError`] if the response has no text, because the request was rejected or failed, or because the model
/// declined or sent nothing.
pub fn read_answer(
    provider: Provider,
    response: &HttpResponse,
    now_unix_ms: i64,
) -> Result<Answer, ModelError> {
    let answer = read(provider, response);
    let answer = answer.map_err(|error| rate_limit::with_reset(error, response, now_unix_ms))?;
    let text = answer.text.trim();
    let kept = text.char_indices().nth(ANSWER_CHARS_MAX).map_or(text, |(end, _)| &text[..end]);
    if kept.is_empty() {
        return Err(ModelError::EmptyAnswer);
    }
    Ok(Answer { text: kept.to_owned(), is_truncated: answer.is_truncated || kept.len() < text.len() })
}

fn read(provider: Provider, response: &HttpResponse) -> Result<Answer, ModelError> {
    let body: Value = match response.status {
        200 => parse_body(response)?,
        _ => return Err(error::read_error(response)),
    };
    // OpenRouter can fail after it has sent status 200. The error is then next to the answer or in its place.
    let failure = error::find_error(&response.body);
    if !failure.is_null() {
        return Err(error::classify(&failure, response));
    }
    if !body.is_object() {
        return Err(ModelError::UnexpectedResponse);
    }
    match provider {
        Provider::Anthropic => anthropic::read_answer(&body),
        Provider::OpenAi | Provider::OpenRouter => openai::read_answer(&body),
        Provider::Google => google::read_answer(&body),
    }
}

/// Joins the texts in a message's content, which is a string, a part, or a list of either. Parts of other types, such
/// as thinking or images, are skipped.
fn join_texts(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(join_texts).collect(),
        Value::Object(part) => match part.get("type").and_then(Value::as_str) {
            Some("text" | "output_text") => {
                part.get("text").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// Adds the header with the key, as the provider requires it.
fn with_key(request: HttpRequest, provider: Provider, key: &str) -> HttpRequest {
    match provider {
        Provider::Anthropic => {
            request.header("x-api-key", key).header("anthropic-version", anthropic::VERSION)
        }
        Provider::OpenAi | Provider::OpenRouter => request.header("authorization", format!("Bearer {key}")),
        Provider::Google => request.header("x-goog-api-key", key),
    }
}

/// Parses a JSON body. [`ModelError::UnexpectedResponse`] if it does not have the documented format.
fn parse_body<T: DeserializeOwned>(response: &HttpResponse) -> Result<T, ModelError> {
    serde_json::from_slice(&response.body).map_err(|_| ModelError::UnexpectedResponse)
}

/// Percent-encodes a model id as one segment of a path.
fn encode_segment(id: &str) -> String {
    id.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
