//! Why there is no answer: the four vendors' errors, brought down to what a person can do about them.

use serde_json::Value;

use super::limit::{self, Reset};
use crate::host::{HttpError, HttpResponse};

/// Why a model did not answer. No vendor's words and no secret are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The key is wrong, revoked, of the wrong kind, or may not use this model.
    #[error("the model provider refused the key")]
    KeyRejected,
    /// The account or the key has no credit left.
    #[error("the model account is out of credit")]
    OutOfCredit,
    /// There is no such model, or not for this key.
    #[error("the model does not exist")]
    ModelNotFound,
    /// Too many requests, or tokens, for the moment.
    #[error("the model provider limits the rate")]
    RateLimited {
        /// When to come back in seconds, if the provider said so.
        retry_after_s: Option<u64>,
    },
    /// A limit that lasts: a day's, or one for longer than two hours.
    #[error("the model provider's limit is used up")]
    LimitReached {
        /// Whether it is a limit on a day.
        is_daily: bool,
        /// When it ends, if the provider said so.
        reset: Option<Reset>,
    },
    /// The provider has more to do than it can.
    #[error("the model is overloaded")]
    Overloaded,
    /// The provider failed, or could not be reached in time.
    #[error("the model provider is unavailable")]
    Unavailable,
    /// The model or its provider declined to answer this.
    #[error("the model declined to answer")]
    Refused,
    /// The conversation is longer than the model can read.
    #[error("the conversation is too long for the model")]
    ContextTooLong,
    /// All room for the answer went into thinking.
    #[error("the model spent the whole answer thinking")]
    SpentThinking,
    /// The model sent an answer without words.
    #[error("the model sent an empty answer")]
    Empty,
    /// The provider did not understand the request, or its answer was not understood.
    #[error("the model provider answered something unexpected")]
    Invalid,
}

impl ModelError {
    /// Whether asking again in a moment can help.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Overloaded | Self::Unavailable)
    }
}

impl From<HttpError> for ModelError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Timeout | HttpError::Connect => Self::Unavailable,
            HttpError::TooLarge => Self::Invalid,
        }
    }
}

/// Reads an answer that is not a success.
pub(super) fn read(response: &HttpResponse) -> ModelError {
    classify(&error_of(&response.body), response)
}

/// The error object of a body, also of one within a success. A gateway on the way answers in HTML, which has none: its
/// status says enough.
pub(super) fn error_of(body: &[u8]) -> Value {
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    let in_choice = body.pointer_mut("/choices/0/error").map(Value::take).unwrap_or_default();
    let is_error = |error: &Value| error.is_object() || error.as_str().is_some_and(|words| !words.is_empty());
    let of_body = body.get_mut("error").map(Value::take).unwrap_or_default();
    [of_body, in_choice].into_iter().find(is_error).unwrap_or_default()
}

/// Whether an OpenAI key is good but restricted so that it may not read lists. (401 "You have insufficient permissions
/// for this operation. Missing scopes: api.model.read".)
pub(super) fn is_only_unlisted(response: &HttpResponse) -> bool {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let message = text(&body["error"]["message"]);
    response.status != 200 && message.contains("missing scopes") && !message.contains("model.request")
}

/// Brings down an error object. All four vendors' fit one reading: `type` (Anthropic, OpenAI), `code` (a word at OpenAI,
/// a status at Google and OpenRouter), `status` and `details[].reason` (Google), `metadata.error_type` (OpenRouter). For
/// how long a rate limit lasts is read by [`limit::with_reset`].
pub(super) fn classify(error: &Value, response: &HttpResponse) -> ModelError {
    let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut tags: Vec<String> =
        [&error["type"], &error["code"], &error["status"], &error["metadata"]["error_type"]].map(text).into();
    tags.extend(details.iter().map(|detail| text(&detail["reason"])));
    let is = |names: &[&str]| tags.iter().any(|tag| names.contains(&tag.as_str()));
    let message = text(&error["message"]);
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let status = match response.status {
        // OpenRouter's error within a success: its own status is in the code.
        200 => status_in(&error["code"]).unwrap_or(200),
        status => status,
    };

    if status == 402
        || is(&["insufficient_quota", "billing_error", "payment_required"])
        // The latter is OpenRouter's 403 for a key's own limit, which its documentation calls a 402.
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
        // OpenRouter's 403 with the moderation's reasons.
        ModelError::Refused
    } else if limit::is_usage_limit(&message) {
        ModelError::RateLimited { retry_after_s: None }
    } else if status == 200 {
        // An error within a success that has no status of its own.
        tags.iter().find_map(|tag| by_tag(tag)).unwrap_or(ModelError::Invalid)
    } else {
        by_status(status)
    }
}

/// A status as a number or, from some providers behind OpenRouter, as text.
fn status_in(code: &Value) -> Option<u16> {
    code.as_u64().and_then(|code| u16::try_from(code).ok()).or_else(|| code.as_str()?.parse().ok())
}

fn by_tag(tag: &str) -> Option<ModelError> {
    let status = match tag {
        "rate_limit_error" | "rate_limit_exceeded" | "resource_exhausted" => 429,
        "overloaded_error" | "provider_overloaded" | "unavailable" => 503,
        "api_error" | "server_error" | "timeout_error" | "provider_unavailable" => 500,
        _ => return None,
    };
    Some(by_status(status))
}

fn by_status(status: u16) -> ModelError {
    match status {
        403 => ModelError::KeyRejected,
        429 => ModelError::RateLimited { retry_after_s: None },
        503 | 529 => ModelError::Overloaded,
        408 | 500.. => ModelError::Unavailable,
        _ => ModelError::Invalid,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_lowercase()
}
