//! Anthropic's Messages API (`POST /v1/messages`; shapes: npm `@anthropic-ai/sdk` 1.12).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ANSWER_TOKENS_MAX, Answer, ModelError, parse};
use crate::host::HttpResponse;
use crate::memory::{Role, Turn};
use crate::settings::Settings;

/// The newest API version; it differs from 2023-06-01 in nothing that is sent here.
pub(super) const VERSION: &str = "2026-10-21";

pub(super) fn chat(settings: &Settings, system: &str, turns: &[Turn]) -> (String, Value) {
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
        "model": settings.model_id,
        "max_tokens": ANSWER_TOKENS_MAX,
        "system": system,
        "messages": messages,
    });
    ("/v1/messages".to_owned(), body)
}

#[derive(Deserialize)]
struct Message {
    content: Vec<Block>,
    stop_reason: Option<String>,
}

/// Blocks of other types (thinking) have no text and are passed over.
#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

pub(super) fn read(response: &HttpResponse) -> Result<Answer, ModelError> {
    let message: Message = parse(response)?;
    let stop = message.stop_reason.unwrap_or_default();
    let texts = message.content.into_iter().filter(|block| block.kind == "text");
    let text: String = texts.filter_map(|block| block.text).collect();
    match stop.as_str() {
        "refusal" => Err(ModelError::Refused),
        "model_context_window_exceeded" if text.trim().is_empty() => Err(ModelError::ContextTooLong),
        _ => {
            let is_cut = matches!(stop.as_str(), "max_tokens" | "model_context_window_exceeded");
            Ok(Answer { text, is_cut })
        }
    }
}
