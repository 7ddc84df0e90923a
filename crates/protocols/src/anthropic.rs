//! Anthropic's Messages API, `POST /v1/messages`. The formats are those of the npm package `@anthropic-ai/sdk` 1.12.

use serde_json::{Value, json};

use crate::model::answer::{Answer, Model, join_texts};
use crate::model::budget::TokenBudget;
use crate::model::conversation::{Role, Turn};
use crate::model::error::ModelError;

/// The base URL of the API, without the version.
pub(crate) const DEFAULT_URL: &str = "https://api.anthropic.com";

/// The newest version of the API. For the fields that are sent here, it does not differ from 2023-06-01.
pub(crate) const VERSION: &str = "2026-10-21";

pub(crate) fn request(
    model: Model<'_>,
    system: &str,
    turns: &[Turn],
    budget: TokenBudget,
) -> (String, Value) {
    let messages: Vec<_> = turns
        .iter()
        .map(|turn| {
            let role = match turn.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            json!({"role": role, "content": turn.text})
        })
        .collect();
    let body = json!({
        "model": model.id,
        "max_tokens": budget.tokens_max,
        "system": system,
        "messages": messages,
    });
    ("/v1/messages".to_owned(), body)
}

pub(crate) fn read_answer(body: &Value) -> Result<Answer, ModelError> {
    let text = join_texts(&body["content"]);
    let stop = body["stop_reason"].as_str();
    let is_truncated = matches!(stop, Some("max_tokens" | "model_context_window_exceeded"));
    match stop {
        Some("refusal") => Err(ModelError::Declined),
        _ if !text.trim().is_empty() => Ok(Answer { text, is_truncated }),
        Some("model_context_window_exceeded") => Err(ModelError::ContextTooLong),
        Some("max_tokens") => Err(ModelError::ThinkingOnly),
        Some(_) => Err(ModelError::EmptyAnswer),
        // A complete answer has a stop reason, so this one was interrupted.
        None => Err(ModelError::Unavailable),
    }
}
