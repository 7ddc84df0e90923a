//! Builds requests to the model providers and reads their responses. Answers are not streamed, because a complete
//! answer has to be saved before its first part is sent.
//!
//! Requests have no sampling parameters: Anthropic's newest version and OpenAI's reasoning models reject them.

mod budget;
mod check;
mod conversation;
mod error;
mod rate_limit;

use reef_domain::wire::Provider;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use budget::TokenBudget;
pub use check::{key_check_request, model_check_request, read_key_check, read_model_check};
pub use conversation::{Role, Turn};
pub use error::ModelError;
pub use rate_limit::{LONG_WAIT_S, Reset};

use crate::http::{HttpRequest, HttpResponse};
use crate::{anthropic, google, openai, openrouter};

/// The maximum length of an answer in tokens: several Telegram messages, with room for the thinking that reasoning
/// models count as output. It also bounds the cost of a turn, which sends at most one more request with twice the
/// budget.
pub const ANSWER_TOKENS_MAX: u32 = 8_192;

/// The maximum length of an answer in characters, whatever the provider sends. It is more than [`ANSWER_TOKENS_MAX`]
/// tokens have in any language, and at most fifteen Telegram messages.
pub const ANSWER_CHARS_MAX: usize = 60_000;

/// The timeout of a request to a model, in milliseconds.
const CHAT_TIMEOUT_MS: u64 = 120_000;

/// A model at its provider, with the key that pays for its answers.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    /// The provider, which determines the format.
    pub provider: Provider,
    /// The provider's base URL without a trailing slash: [`default_url`], or another one for tests.
    pub provider_url: &'a str,
    /// The provider's id of the model.
    pub id: &'a str,
    /// The key for the provider.
    pub api_key: &'a str,
}

/// The public base URL of a provider's API. As in the vendors' own documentation, OpenAI's and OpenRouter's include the
/// version, and Anthropic's and Google's do not.
pub fn default_url(provider: Provider) -> &'static str {
    match provider {
        Provider::Anthropic => anthropic::DEFAULT_URL,
        Provider::Openai => openai::DEFAULT_URL,
        Provider::Google => google::DEFAULT_URL,
        Provider::Openrouter => openrouter::DEFAULT_URL,
    }
}

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
pub fn chat_request(model: Model<'_>, system: &str, turns: &[Turn], budget: TokenBudget) -> HttpRequest {
    let (path, body) = match model.provider {
        Provider::Anthropic => anthropic::request(model, system, turns, budget),
        Provider::Openai | Provider::Openrouter => openai::request(model, system, turns, budget),
        Provider::Google => google::request(model, system, turns, budget),
    };
    let url = format!("{}{path}", model.provider_url);
    let request = HttpRequest::post_json(model.provider.as_str(), url, &body, CHAT_TIMEOUT_MS);
    with_key(request, model.provider, model.api_key)
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
        Provider::Openai | Provider::Openrouter => openai::read_answer(&body),
        Provider::Google => google::read_answer(&body),
    }
}

/// Joins the texts in a message's content, which is a string, a part, or a list of either. Parts of other types, such
/// as thinking or images, are skipped.
pub(crate) fn join_texts(content: &Value) -> String {
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
        Provider::Openai | Provider::Openrouter => request.header("authorization", format!("Bearer {key}")),
        Provider::Google => request.header("x-goog-api-key", key),
    }
}

/// Parses a JSON body. [`ModelError::UnexpectedResponse`] if it does not have the documented format.
fn parse_body<T: DeserializeOwned>(response: &HttpResponse) -> Result<T, ModelError> {
    serde_json::from_slice(&response.body).map_err(|_| ModelError::UnexpectedResponse)
}
