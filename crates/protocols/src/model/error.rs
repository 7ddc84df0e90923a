//! Reads the error formats of the four providers and classifies them by what can be done about them.

use serde_json::Value;

use crate::http::{HttpError, HttpResponse};

/// Why a model did not answer. It contains neither text from the provider nor secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The key is wrong, revoked, of the wrong kind, or may not use this model.
    #[error("the model provider rejected the key")]
    KeyRejected,
    /// The account or the key has no credit left.
    #[error("the model account is out of credit")]
    OutOfCredit,
    /// The model does not exist, or is not available to this key.
    #[error("the model does not exist")]
    ModelNotFound,
    /// A short-term limit on requests or tokens is reached.
    #[error("the model provider's rate limit is reached")]
    RateLimited {
        /// How long to wait in seconds, if the provider says so.
        retry_after_s: Option<u64>,
    },
    /// A long-term limit is reached: one per day, or one that lasts for two hours or more.
    #[error("the model provider's usage limit is reached")]
    LimitReached {
        /// Whether the limit is per day.
        is_daily: bool,
        /// When the limit resets, if the provider says so.
        reset: Option<Reset>,
    },
    /// The provider is overloaded and rejects requests.
    #[error("the model is overloaded")]
    Overloaded,
    /// The provider failed, or could not be reached in time.
    #[error("the model provider is unavailable")]
    Unavailable,
    /// The model or a filter of its provider declined to answer.
    #[error("the model declined to answer")]
    Declined,
    /// The conversation is longer than the model can read.
    #[error("the conversation is too long for the model")]
    ContextTooLong,
    /// The model spent its whole token budget on thinking.
    #[error("the model spent all tokens on thinking")]
    ThinkingOnly,
    /// The answer of the model has no text.
    #[error("the model sent an empty answer")]
    EmptyAnswer,
    /// The provider rejected the request as invalid, or its response could not be read.
    #[error("the model provider sent an unexpected response")]
    UnexpectedResponse,
}

/// When a limit resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// Seconds from the time when the response was read.
    pub in_s: u64,
    /// The same moment in Unix seconds.
    pub at_unix_s: i64,
}

impl ModelError {
    /// Whether the same request may succeed in a moment.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Overloaded | Self::Unavailable)
    }
}

impl From<HttpError> for ModelError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Timeout | HttpError::Connect => Self::Unavailable,
            HttpError::TooLarge => Self::UnexpectedResponse,
        }
    }
}

/// Reads a response with an error status.
pub(super) fn read_error(response: &HttpResponse) -> ModelError {
    classify(&find_error(&response.body), response)
}

/// Finds the error object of a body. OpenRouter also sends one with status 200, next to the choices or within the
/// first. The HTML page of a gateway has none and yields `null`.
pub(super) fn find_error(body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    find_error_of(&body).cloned().unwrap_or_default()
}

/// Finds the error object of a body or of an event of a stream.
pub(super) fn find_error_of(body: &Value) -> Option<&Value> {
    let is_error =
        |error: &&Value| error.is_object() || error.as_str().is_some_and(|words| !words.is_empty());
    [body.get("error"), body.pointer("/choices/0/error")].into_iter().flatten().find(is_error)
}

/// Whether an OpenAI key is valid but may not read lists: 401 with "You have insufficient permissions for this
/// operation. Missing scopes: api.model.read" in the message.
pub(super) fn is_valid_without_lists(response: &HttpResponse) -> bool {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let message = lowercase_text(&body["error"]["message"]);
    response.status != 200 && message.contains("missing scopes") && !message.contains("model.request")
}

/// Classifies an error object. The fields of the four providers do not conflict: `type` (Anthropic, OpenAI), `code`
/// (text at OpenAI, a status at Google and OpenRouter), `status` and `details[].reason` (Google), and
/// `metadata.error_type` (OpenRouter). [`with_reset`](super::rate_limit::with_reset) reads how long a rate limit lasts.
pub(super) fn classify(error: &Value, response: &HttpResponse) -> ModelError {
    let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut tags: Vec<String> =
        [&error["type"], &error["code"], &error["status"], &error["metadata"]["error_type"]]
            .map(lowercase_text)
            .into();
    tags.extend(details.iter().map(|detail| lowercase_text(&detail["reason"])));
    let is = |names: &[&str]| tags.iter().any(|tag| names.contains(&tag.as_str()));
    let message = lowercase_text(&error["message"]);
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let status = match response.status {
        // OpenRouter can send an error with status 200; the actual status is in its code.
        200 => parse_status(&error["code"]).unwrap_or(200),
        status => status,
    };

    if status == 402
        || is(&["insufficient_quota", "billing_error", "payment_required"])
        // OpenRouter answers "key limit exceeded" with 403, although its documentation says 402.
        || says(&["credit balance is too low", "key limit exceeded"])
    {
        ModelError::OutOfCredit
    } else if status == 401 || is(&["api_key_invalid", "invalid_api_key", "authentication_error"]) {
        ModelError::KeyRejected
    } else if status == 413
        || is(&["context_length_exceeded", "request_too_large"])
        || says(&["prompt is too long", "maximum context length", "exceeds the maximum number of tokens"])
    {
        ModelError::ContextTooLong
    } else if status == 404
        || is(&["model_not_found", "not_found_error"])
        || says(&["is not a valid model id"])
    {
        ModelError::ModelNotFound
    } else if is(&["content_policy_violation", "content_filter"]) || error["metadata"]["reasons"].is_array() {
        // OpenRouter's moderation answers with 403 and a list of reasons.
        ModelError::Declined
    } else if is_usage_limit(&message) {
        ModelError::RateLimited { retry_after_s: None }
    } else if status == 200 {
        // The error came with status 200, and its code is not a status either.
        tags.iter().find_map(|tag| from_tag(tag)).unwrap_or(ModelError::UnexpectedResponse)
    } else {
        from_status(status)
    }
}

/// Parses a status, which some providers behind OpenRouter send as text.
fn parse_status(code: &Value) -> Option<u16> {
    code.as_u64().and_then(|code| u16::try_from(code).ok()).or_else(|| code.as_str()?.parse().ok())
}

fn from_tag(tag: &str) -> Option<ModelError> {
    let status = match tag {
        "rate_limit_error" | "rate_limit_exceeded" | "resource_exhausted" => 429,
        "overloaded_error" | "provider_overloaded" | "unavailable" => 503,
        "api_error" | "server_error" | "timeout_error" | "provider_unavailable" => 500,
        _ => return None,
    };
    Some(from_status(status))
}

fn from_status(status: u16) -> ModelError {
    match status {
        403 => ModelError::KeyRejected,
        429 => ModelError::RateLimited { retry_after_s: None },
        503 | 529 => ModelError::Overloaded,
        408 | 500.. => ModelError::Unavailable,
        _ => ModelError::UnexpectedResponse,
    }
}

fn lowercase_text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_lowercase()
}

/// Whether an error means that an Anthropic account has reached the spending limit it set for itself. Its type is that
/// of an invalid request, so it is recognized by its text.
pub(super) fn is_usage_limit(message: &str) -> bool {
    message.contains("reached your specified api usage limits")
}
