//! Turns speech into text at a provider that can, for models that do not hear.

use reef_domain::wire::Provider;
use serde_json::Value;

use super::answer::{Answer, Model};
use super::attachment::Attachment;
use super::error::{self, ModelError};
use super::provider::{parse_body, with_key};
use super::rate_limit;
use super::usage::{Usage, count};
use crate::http::{HttpRequest, HttpResponse};

/// The least expensive model of `POST /v1/audio/transcriptions` in the npm package `openai` 6.49.
const TRANSCRIPTION_MODEL: &str = "gpt-4o-mini-transcribe";

/// The timeout of a transcription, in milliseconds.
const TRANSCRIPTION_TIMEOUT_MS: u64 = 120_000;

/// Builds the request that transcribes a sound at the model's provider, with the model's key. `None` if the provider
/// does not transcribe: only OpenAI does. Its limit is 25 MB.
pub fn transcription_request(model: Model<'_>, audio: &Attachment) -> Option<HttpRequest> {
    if model.provider != Provider::Openai {
        return None;
    }
    let boundary = unused_boundary(&audio.bytes);
    let mut body = Vec::with_capacity(audio.bytes.len() + 1024);
    for (name, value) in [("model", TRANSCRIPTION_MODEL), ("response_format", "json")] {
        let field =
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(field.as_bytes());
    }
    // OpenAI recognizes the format by the ending of the name, so the name in the chat does not matter.
    let (format, media_type) = (audio.audio_format(), audio.plain_media_type());
    let is_plain = media_type.bytes().all(|byte| byte.is_ascii_graphic());
    let media_type = if is_plain { media_type.as_str() } else { "application/octet-stream" };
    let head = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"audio.{format}\"\r\n\
         content-type: {media_type}\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&audio.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let url = format!("{}/audio/transcriptions", model.provider_url);
    let request =
        HttpRequest::post_form(model.provider.as_str(), url, &boundary, body, TRANSCRIPTION_TIMEOUT_MS);
    Some(with_key(request, model.provider, model.api_key))
}

/// Finds a boundary that the content does not contain.
fn unused_boundary(content: &[u8]) -> String {
    let mut number = 0_u32;
    loop {
        let boundary = format!("reef-boundary-{number}");
        if !content.windows(boundary.len()).any(|window| window == boundary.as_bytes()) {
            return boundary;
        }
        number += 1;
    }
}

/// Reads the response to [`transcription_request`]: the answer is the spoken text. `now_unix_ms` is the current time, to
/// which waits are relative.
///
/// # Errors
/// [`ModelError::EmptyAnswer`] if nothing was said, another [`ModelError`] if the transcription failed.
pub fn read_transcription(response: &HttpResponse, now_unix_ms: i64) -> Result<Answer, ModelError> {
    if response.status != 200 {
        return Err(rate_limit::with_reset(error::read_error(response), response, now_unix_ms));
    }
    let body: Value = parse_body(response)?;
    let text = body["text"].as_str().ok_or(ModelError::UnexpectedResponse)?.trim();
    if text.is_empty() {
        return Err(ModelError::EmptyAnswer);
    }
    let usage = count(&body["usage"]["input_tokens"]).map(|input_tokens| Usage {
        input_tokens,
        output_tokens: count(&body["usage"]["output_tokens"]).unwrap_or_default(),
        cached_input_tokens: 0,
        cost_micro_usd: None,
    });
    Ok(Answer { text: text.to_owned(), is_truncated: false, usage })
}
