//! Builds the request for an answer in the format of its provider, and reads the response.

use reef_domain::wire::Provider;
use serde_json::Value;

use super::answer::{Answer, Model};
use super::attachment::Attachment;
use super::budget::TokenBudget;
use super::conversation::Turn;
use super::draft::Draft;
use super::error::{self, ModelError};
use super::prompt::Prompt;
use super::provider::{parse_body, with_key};
use super::rate_limit;
use crate::http::{HttpRequest, HttpResponse};
use crate::{anthropic, google, openai};

/// The timeout of a request to a model, in milliseconds.
const CHAT_TIMEOUT_MS: u64 = 120_000;

/// The maximum size of a streamed answer in bytes. Each token can be an event of its own, of some hundred bytes.
const STREAM_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Builds the request for the next answer of a conversation. `turns` alternate between person and assistant, and begin
/// and end with a person's. `attachments` belong to the last turn; the caller has checked by
/// [`accepts`](super::accepts) that the model takes them, and others are left out where the provider has no form for
/// them.
pub fn chat_request(
    model: Model<'_>,
    system: &str,
    turns: &[Turn],
    attachments: &[Attachment],
    budget: TokenBudget,
) -> HttpRequest {
    build(model, Prompt { system, turns, attachments, budget, streams: false })
}

/// Builds the same request for an answer that is streamed, which an [`AnswerStream`](super::AnswerStream) reads if its
/// status is 200.
pub fn stream_request(
    model: Model<'_>,
    system: &str,
    turns: &[Turn],
    attachments: &[Attachment],
    budget: TokenBudget,
) -> HttpRequest {
    let request = build(model, Prompt { system, turns, attachments, budget, streams: true });
    HttpRequest { response_bytes_max: STREAM_BYTES_MAX, ..request }
}

fn build(model: Model<'_>, prompt: Prompt<'_>) -> HttpRequest {
    let (path, body) = match model.provider {
        Provider::Anthropic => anthropic::request(model, prompt),
        Provider::Openai | Provider::Openrouter => openai::request(model, prompt),
        Provider::Google => google::request(model, prompt),
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
    read(provider, response).map_err(|error| rate_limit::with_reset(error, response, now_unix_ms))
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
    let mut draft = Draft::default();
    read_piece(provider, &body, false, &mut draft);
    finish_draft(provider, draft)
}

/// Adds a whole answer to a draft, or one event of a stream.
pub(super) fn read_piece(provider: Provider, piece: &Value, is_event: bool, draft: &mut Draft) {
    match provider {
        Provider::Anthropic if is_event => anthropic::read_event(piece, draft),
        Provider::Anthropic => anthropic::read_message(piece, draft),
        Provider::Openai | Provider::Openrouter => openai::read_chunk(piece, draft),
        // Google's events have the format of whole answers.
        Provider::Google => google::read_response(piece, draft),
    }
}

/// Returns the answer of a draft, or the reason why it is none.
pub(super) fn finish_draft(provider: Provider, draft: Draft) -> Result<Answer, ModelError> {
    let is_truncated = match provider {
        Provider::Anthropic => anthropic::check_end(&draft),
        Provider::Openai | Provider::Openrouter => openai::check_end(&draft),
        Provider::Google => google::check_end(&draft),
    }?;
    let mut text = draft.text;
    text.truncate(text.trim_end().len());
    Ok(Answer { text, is_truncated: is_truncated || draft.is_overlong, usage: draft.usage })
}
