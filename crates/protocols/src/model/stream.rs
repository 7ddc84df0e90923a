//! Reads an answer while the provider sends it.

use reef_domain::wire::Provider;
use serde_json::Value;

use super::answer::Answer;
use super::chat::{finish_draft, read_piece};
use super::draft::Draft;
use super::error::{self, ModelError};
use super::rate_limit;
use super::sse::SseReader;
use crate::http::HttpResponse;

/// The maximum size of a body that is not a stream, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// An answer that is being received, from the body of a response with status 200 to
/// [`stream_request`](super::stream_request). A response with another status is read by
/// [`read_answer`](super::read_answer).
///
/// The body may be cut anywhere, even within a character. What it needs in memory is bounded, however long it is.
#[derive(Debug)]
pub struct AnswerStream {
    provider: Provider,
    body: Body,
    draft: Draft,
    /// How much of the draft's text has been returned, in bytes.
    shown_bytes: usize,
    failure: Option<ModelError>,
}

/// The form of a body, which its first character decides.
#[derive(Debug)]
enum Body {
    Unknown,
    Events(SseReader),
    /// The provider ignores that a stream was requested, or sends an error in its place.
    Json(Vec<u8>),
}

impl AnswerStream {
    /// Starts to read an answer of this provider.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        Self { provider, body: Body::Unknown, draft: Draft::default(), shown_bytes: 0, failure: None }
    }

    /// Reads the next bytes of the body and returns the text that became visible with them, which may be empty. All
    /// texts together, without blanks at their end, are the text of the answer, unless the provider does not stream:
    /// then there is only the answer.
    ///
    /// # Errors
    /// [`ModelError`] if the provider reports that it failed, or if its events cannot be read. Text that comes before
    /// the error in the same bytes is returned first, and the error by the next call.
    pub fn push(&mut self, bytes: &[u8]) -> Result<String, ModelError> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        self.failure = self.receive(bytes).err();
        let visible = self.draft.text[self.shown_bytes..].to_owned();
        self.shown_bytes = self.draft.text.len();
        match self.failure {
            Some(error) if visible.is_empty() => Err(error),
            _ => Ok(visible),
        }
    }

    /// Returns the whole answer after the last bytes.
    ///
    /// # Errors
    /// The [`ModelError`] of an earlier call; [`ModelError::Unavailable`] if the stream was interrupted before the
    /// provider said why the answer ends; otherwise as [`read_answer`](super::read_answer).
    pub fn finish(mut self) -> Result<Answer, ModelError> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        match std::mem::replace(&mut self.body, Body::Unknown) {
            Body::Unknown => {}
            Body::Events(reader) => {
                if let Some(data) = reader.finish() {
                    // What cannot be parsed here is an event that was cut off, so the stream was interrupted.
                    read_data(self.provider, &data, &mut self.draft).map_err(|error| match error {
                        ModelError::UnexpectedResponse => ModelError::Unavailable,
                        error => error,
                    })?;
                }
            }
            Body::Json(body) => {
                let body: Value = serde_json::from_slice(&body).map_err(|_| ModelError::Unavailable)?;
                read_whole(self.provider, &body, &mut self.draft)?;
            }
        }
        if !self.draft.is_complete() {
            return Err(ModelError::Unavailable);
        }
        finish_draft(self.provider, self.draft)
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        if matches!(self.body, Body::Unknown) {
            self.body = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
                None => return Ok(()),
                Some(b'{' | b'[') => Body::Json(Vec::new()),
                Some(_) => Body::Events(SseReader::default()),
            };
        }
        match &mut self.body {
            Body::Unknown => Ok(()),
            Body::Events(reader) => {
                reader.push(bytes, |data| read_data(self.provider, data, &mut self.draft))
            }
            Body::Json(body) if body.len() + bytes.len() > BODY_BYTES_MAX => {
                Err(ModelError::UnexpectedResponse)
            }
            Body::Json(body) => {
                body.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// Reads the data of an event: JSON, or the mark that ends the streams of OpenAI and OpenRouter.
fn read_data(provider: Provider, data: &[u8], draft: &mut Draft) -> Result<(), ModelError> {
    match data.trim_ascii() {
        b"" => Ok(()),
        b"[DONE]" => {
            draft.is_closed = true;
            Ok(())
        }
        data => {
            let event = serde_json::from_slice(data).map_err(|_| ModelError::UnexpectedResponse)?;
            read_event(provider, &event, draft)
        }
    }
}

/// Reads an event, which is a piece of the answer or an error in its place.
fn read_event(provider: Provider, event: &Value, draft: &mut Draft) -> Result<(), ModelError> {
    if let Some(error) = read_failure(event) {
        return Err(error);
    }
    read_piece(provider, event, true, draft);
    Ok(())
}

/// Reads a body that is not a stream. Google sends a list of pieces if the format of the stream is not requested.
fn read_whole(provider: Provider, body: &Value, draft: &mut Draft) -> Result<(), ModelError> {
    if let Value::Array(pieces) = body {
        return pieces.iter().try_for_each(|piece| read_event(provider, piece, draft));
    }
    if let Some(error) = read_failure(body) {
        return Err(error);
    }
    read_piece(provider, body, false, draft);
    Ok(())
}

/// Reads the error of an event. The time when a limit resets is unknown, since an event has no headers and this crate no
/// clock; how long it lasts may be in the error.
fn read_failure(event: &Value) -> Option<ModelError> {
    let failure = error::find_error_of(event)?;
    let response = HttpResponse {
        status: 200,
        retry_after_s: None,
        headers: Vec::new(),
        body: event.to_string().into_bytes(),
    };
    let error = rate_limit::with_reset(error::classify(failure, &response), &response, 0);
    Some(match error {
        ModelError::LimitReached { is_daily, .. } => ModelError::LimitReached { is_daily, reset: None },
        error => error,
    })
}
