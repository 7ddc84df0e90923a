//! The model providers: what they are asked, and how their answers are read. Pure functions, no streaming: a chat gets
//! whole messages, and whole answers can be saved before they are sent.
//!
//! No sampling parameters are sent: Anthropic's newest version and OpenAI's reasoning models refuse them.

mod anthropic;
mod budget;
mod check;
mod error;
mod google;
mod limit;
mod openai;
mod words;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use budget::Budget;
pub use check::{key_check_request, model_check_request, read_key_check, read_model_check};
pub use error::ModelError;
pub use limit::Reset;

use crate::host::{HttpRequest, HttpResponse};
use crate::memory::Turn;
use crate::settings::{Provider, Settings};

/// How long an answer may get, in tokens: several Telegram messages, with room for the thinking that reasoning models
/// count as output. It also bounds what one turn can cost: a turn whose answer was all thinking asks once more, for twice
/// as much.
pub const ANSWER_TOKENS_MAX: u32 = 8_192;

/// How many characters of an answer are taken, whatever the provider sends: more than [`ANSWER_TOKENS_MAX`] tokens of
/// any language make, and fifteen Telegram messages at most.
pub const ANSWER_CHARS_MAX: usize = 60_000;

/// How long a model may think, in milliseconds.
const CHAT_TIMEOUT_MS: u64 = 120_000;

/// What a model said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text; never blank.
    pub text: String,
    /// It ended early: at the length limit, or because the provider failed in the middle.
    pub is_cut: bool,
}

/// Asks the model to go on with a conversation: `system` tells it who it is, `turns` alternate and begin and end with
/// a person's.
pub fn chat_request(settings: &Settings, system: &str, turns: &[Turn], budget: Budget) -> HttpRequest {
    let (path, body) = match settings.provider {
        Provider::Anthropic => anthropic::chat(settings, system, turns, budget),
        Provider::OpenAi | Provider::OpenRouter => openai::chat(settings, system, turns, budget),
        Provider::Google => google::chat(settings, system, turns, budget),
    };
    let url = format!("{}{path}", settings.provider_url);
    let request = HttpRequest::post_json(settings.provider.name(), url, &body, CHAT_TIMEOUT_MS);
    authorized(request, settings.provider, &settings.api_key)
}

/// Reads the answer to [`chat_request`], at that time in milliseconds since 1970.
///
/// # Errors
/// [`ModelError`] for every answer without words: refused, failed, empty or not understood.
pub fn read_answer(
    provider: Provider,
    response: &HttpResponse,
    now_unix_ms: i64,
) -> Result<Answer, ModelError> {
    let answer = read(provider, response);
    let answer = answer.map_err(|error| limit::with_reset(error, response, now_unix_ms))?;
    let text = answer.text.trim();
    let kept = text.char_indices().nth(ANSWER_CHARS_MAX).map_or(text, |(end, _)| &text[..end]);
    if kept.is_empty() {
        return Err(ModelError::Empty);
    }
    Ok(Answer { text: kept.to_owned(), is_cut: answer.is_cut || kept.len() < text.len() })
}

fn read(provider: Provider, response: &HttpResponse) -> Result<Answer, ModelError> {
    let body: Value = match response.status {
        200 => parse(response)?,
        _ => return Err(error::read(response)),
    };
    // OpenRouter answers 200 and then fails: the error stands beside or instead of the answer.
    let failure = error::error_of(&response.body);
    if !failure.is_null() {
        return Err(error::classify(&failure, response));
    }
    if !body.is_object() {
        return Err(ModelError::Invalid);
    }
    match provider {
        Provider::Anthropic => anthropic::read(&body),
        Provider::OpenAi | Provider::OpenRouter => openai::read(&body),
        Provider::Google => google::read(&body),
    }
}

/// Texts out of a message's content: a string, a part, or a list of either. Parts of other types, such as thinking or an
/// image, are passed over.
fn texts_in(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(texts_in).collect(),
        Value::Object(part) => match part.get("type").and_then(Value::as_str) {
            Some("text" | "output_text") => {
                part.get("text").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// Adds the key where the provider wants it.
fn authorized(request: HttpRequest, provider: Provider, key: &str) -> HttpRequest {
    match provider {
        Provider::Anthropic => {
            request.header("x-api-key", key).header("anthropic-version", anthropic::VERSION)
        }
        Provider::OpenAi | Provider::OpenRouter => request.header("authorization", format!("Bearer {key}")),
        Provider::Google => request.header("x-goog-api-key", key),
    }
}

/// Reads a body, or says that it is not what the provider documents.
fn parse<T: DeserializeOwned>(response: &HttpResponse) -> Result<T, ModelError> {
    serde_json::from_slice(&response.body).map_err(|_| ModelError::Invalid)
}

/// A model id as one segment of a path.
fn segment(id: &str) -> String {
    id.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
