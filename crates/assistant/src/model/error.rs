//! Why there is no answer: the four vendors' errors, brought down to what a person can do about them.

use serde_json::Value;
use time::OffsetDateTime;

use crate::host::{HttpError, HttpResponse};
use crate::settings::Renewal;

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
    /// Too many requests.
    #[error("the model provider limits the rate")]
    RateLimited {
        /// When to come back in seconds, if the provider said so.
        retry_after_s: Option<u64>,
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

    /// What the person in the chat is told, with the way out. `credit` is how a managed assistant's credit is renewed.
    pub fn told(self, credit: Option<Renewal>) -> String {
        let words = match self {
            Self::KeyRejected if credit.is_some() => {
                "I cannot reach my model: its provider refused my key. My owner can redeploy me, which gets me a working one."
            }
            Self::KeyRejected => {
                "I cannot reach my model: its provider refused my key. My owner can enter a working key and redeploy me."
            }
            Self::OutOfCredit => {
                return credit.map_or_else(
                    || {
                        "I cannot answer: the account that pays for my model is out of credit. My owner can top it up; \
                         then ask me again."
                            .to_owned()
                    },
                    used_up,
                );
            }
            Self::ModelNotFound => {
                "I cannot answer: the model I am set to does not exist or is not open to my key. My owner can choose \
                 another one and redeploy me."
            }
            Self::RateLimited { retry_after_s: Some(seconds @ 1..=3600) } => {
                return format!(
                    "My model gets more questions than it is allowed to answer. Please ask again in {seconds} s."
                );
            }
            Self::RateLimited { .. } => {
                "My model gets more questions than it is allowed to answer. Please ask again in a minute."
            }
            Self::Overloaded => "My model is overloaded right now. Please ask again in a minute.",
            Self::Unavailable => "I cannot reach my model right now. Please ask again in a few minutes.",
            Self::Refused => "My model declined to answer this. You could put it differently.",
            Self::ContextTooLong => {
                "Our conversation has become too long for my model. Send /reset to begin anew, or a shorter message."
            }
            Self::Empty => "My model had no words for this. Please ask again, perhaps put differently.",
            Self::Invalid => {
                "My model's provider answered something I do not understand. Please ask again; if it stays so, my \
                 owner can choose another model."
            }
        };
        words.to_owned()
    }
}

/// That a managed assistant's credit is used up, and when there is more.
fn used_up(renewal: Renewal) -> String {
    let renewed = match renewal {
        Renewal::At(at_ms) => match day(at_ms) {
            Some(day) => format!("It is filled up when the next period is paid, on {day}."),
            None => "It is filled up when the next period is paid.".to_owned(),
        },
        Renewal::Sometime => "It is filled up when the next period is paid.".to_owned(),
        Renewal::Never => "It is not filled up again, for my subscription ends with its period.".to_owned(),
    };
    format!(
        "I cannot answer: my model credit is used up. {renewed} To go on before that, my owner can set up an assistant \
         with a model key of their own."
    )
}

fn day(at_ms: i64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1000)).ok()?;
    Some(format!("{} {} {}", at.day(), at.month(), at.year()))
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
    // A gateway on the way answers in HTML: its status says enough.
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    classify(&body["error"], response)
}

/// Whether an OpenAI key is good but restricted so that it may not read lists. (401 "You have insufficient permissions
/// for this operation. Missing scopes: api.model.read".)
pub(super) fn is_only_unlisted(response: &HttpResponse) -> bool {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let message = text(&body["error"]["message"]);
    response.status != 200 && message.contains("missing scopes") && !message.contains("model.request")
}

/// Brings down an error object. All four vendors' fit one reading: `type` (Anthropic, OpenAI), `code` (a word at
/// OpenAI, a status at Google and OpenRouter), `status` and `details[].reason` (Google), `metadata.error_type`
/// (OpenRouter).
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
        200 => error["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(200),
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
    } else {
        by_status(status, response.retry_after_s.or_else(|| details.iter().find_map(retry_delay_s)))
    }
}

fn by_status(status: u16, retry_after_s: Option<u64>) -> ModelError {
    match status {
        403 => ModelError::KeyRejected,
        429 => ModelError::RateLimited { retry_after_s },
        503 | 529 => ModelError::Overloaded,
        408 | 500.. => ModelError::Unavailable,
        _ => ModelError::Invalid,
    }
}

/// Google's `RetryInfo`: `"retryDelay": "30s"`, sometimes with a fraction.
fn retry_delay_s(detail: &Value) -> Option<u64> {
    let seconds: f64 = detail["retryDelay"].as_str()?.strip_suffix('s')?.parse().ok()?;
    (0.0..=86_400.0).contains(&seconds).then_some(seconds.ceil() as u64)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_lowercase()
}
