//! OpenAI's Chat Completions (`POST /chat/completions`; shapes: npm `openai` 6.49), which OpenRouter speaks too (npm
//! `@openrouter/sdk` 1.3).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ANSWER_TOKENS_MAX, Answer, ModelError, error, parse};
use crate::host::HttpResponse;
use crate::memory::{Role, Turn};
use crate::settings::{Provider, Settings};

pub(super) fn chat(settings: &Settings, system: &str, turns: &[Turn]) -> (String, Value) {
    let said = turns.iter().map(|turn| {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        json!({"role": role, "content": turn.text})
    });
    let messages: Vec<_> =
        std::iter::once(json!({"role": "system", "content": system})).chain(said).collect();
    // OpenAI's reasoning models refuse `max_tokens`; OpenRouter knows it by this name.
    let limit = match settings.provider {
        Provider::OpenRouter => "max_tokens",
        _ => "max_completion_tokens",
    };
    let body = json!({"model": settings.model_id, "messages": messages, limit: ANSWER_TOKENS_MAX});
    ("/chat/completions".to_owned(), body)
}

#[derive(Deserialize)]
struct Completion {
    /// OpenRouter answers 200 and then fails: the error stands beside or instead of the choices.
    error: Option<Value>,
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Said>,
    finish_reason: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    refusal: Option<String>,
}

pub(super) fn read(response: &HttpResponse) -> Result<Answer, ModelError> {
    let completion: Completion = parse(response)?;
    if let Some(failure) = completion.error {
        return Err(error::classify(&failure, response));
    }
    let choice = completion.choices.into_iter().next().ok_or(ModelError::Empty)?;
    if let Some(failure) = choice.error {
        return Err(error::classify(&failure, response));
    }
    let finish = choice.finish_reason.unwrap_or_default();
    let said = choice.message.unwrap_or(Said { content: None, refusal: None });
    let text = said.content.unwrap_or_default();
    match finish.as_str() {
        "error" => Err(ModelError::Unavailable),
        _ if said.refusal.is_some_and(|refusal| !refusal.is_empty()) => Err(ModelError::Refused),
        "content_filter" if text.trim().is_empty() => Err(ModelError::Refused),
        _ => Ok(Answer { text, is_cut: finish == "length" }),
    }
}
