//! OpenAI's Chat Completions API, `POST /chat/completions`, which OpenRouter implements as well. The formats are those
//! of the npm packages `openai` 6.49 and `@openrouter/sdk` 1.3.

use reef_domain::wire::Provider;
use serde_json::{Value, json};

use crate::model::answer::{Answer, Model, join_texts};
use crate::model::budget::TokenBudget;
use crate::model::conversation::{Role, Turn};
use crate::model::error::ModelError;

/// The base URL of the API, which includes the version.
pub(crate) const DEFAULT_URL: &str = "https://api.openai.com/v1";

pub(crate) fn request(
    model: Model<'_>,
    system: &str,
    turns: &[Turn],
    budget: TokenBudget,
) -> (String, Value) {
    let said = turns.iter().map(|turn| {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        json!({"role": role, "content": turn.text})
    });
    let messages: Vec<_> =
        std::iter::once(json!({"role": "system", "content": system})).chain(said).collect();
    // OpenAI's reasoning models reject `max_tokens`, but OpenRouter requires this name.
    let limit = match model.provider {
        Provider::Openrouter => "max_tokens",
        _ => "max_completion_tokens",
    };
    let mut body = json!({"model": model.id, "messages": messages, limit: budget.tokens_max});
    match model.provider {
        Provider::Openrouter if budget.reduces_thinking => body["reasoning"] = json!({"effort": "low"}),
        _ if budget.reduces_thinking => body["reasoning_effort"] = json!("low"),
        _ => {}
    }
    ("/chat/completions".to_owned(), body)
}

pub(crate) fn read_answer(body: &Value) -> Result<Answer, ModelError> {
    let choice = &body["choices"][0];
    let message = &choice["message"];
    let text = join_texts(&message["content"]);
    let finish = choice["finish_reason"].as_str();
    // The reason of the provider behind OpenRouter, which can be a failure although OpenRouter says `stop`.
    let native = choice["native_finish_reason"].as_str().unwrap_or_default().to_lowercase();
    if finish == Some("error") {
        return Err(ModelError::Unavailable);
    }
    if !text.trim().is_empty() {
        let is_truncated = finish == Some("length") || native.contains("error");
        return Ok(Answer { text, is_truncated });
    }
    Err(classify_empty(finish, &native, message))
}

/// Classifies a response with status 200 that has no text.
fn classify_empty(finish: Option<&str>, native: &str, message: &Value) -> ModelError {
    let is_refusal = |value: &Value| value["refusal"].as_str().is_some_and(|words| !words.is_empty());
    let parts = message["content"].as_array();
    let has_refusal = is_refusal(message) || parts.is_some_and(|parts| parts.iter().any(is_refusal));
    match (finish, native) {
        _ if has_refusal => ModelError::Declined,
        (Some("content_filter"), _)
        | (
            _,
            "content_filter" | "refusal" | "safety" | "recitation" | "prohibited_content" | "blocklist"
            | "spii",
        ) => ModelError::Declined,
        (Some("length"), _) | (_, "max_tokens" | "max_output_tokens" | "length") => ModelError::ThinkingOnly,
        // A complete answer has a finish reason, so this one was interrupted.
        (None, _) | (_, "other" | "timeout" | "unexpected_tool_call") => ModelError::Unavailable,
        _ if native.contains("error") || native.contains("malformed") => ModelError::Unavailable,
        _ => ModelError::EmptyAnswer,
    }
}
