//! Builds the request for an answer in the format of its provider, and reads the response.

use reef_domain::wire::Provider;
use serde_json::Value;

use super::answer::{Answer, Model};
use super::budget::TokenBudget;
use super::conversation::Turn;
use super::error::{self, ModelError};
use super::provider::{parse_body, with_key};
use super::rate_limit;
use crate::http::{HttpRequest, HttpResponse};
use crate::{anthropic, google, openai};

/// The maximum length of an answer in characters, whatever the provider sends. It is more than [`ANSWER_TOKENS_MAX`](super::ANSWER_TOKENS_MAX)
/// tokens have in any language, and at most fifteen Telegram messages.
pub const ANSWER_CHARS_MAX: usize = 60_000;

/// The timeout of a request to a model, in milliseconds.
const CHAT_TIMEOUT_MS: u64 = 120_000;

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
