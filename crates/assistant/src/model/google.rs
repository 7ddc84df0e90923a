//! Google's Gemini API (`POST /v1beta/models/{model}:generateContent`; shapes: npm `@google/genai` 2.32).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ANSWER_TOKENS_MAX, Answer, ModelError, parse, segment};
use crate::host::HttpResponse;
use crate::memory::{Role, Turn};
use crate::settings::Settings;

/// The path of a model. Google's own lists call it `models/{id}`, so both spellings are taken.
pub(super) fn model_path(model_id: &str) -> String {
    format!("/v1beta/models/{}", segment(model_id.strip_prefix("models/").unwrap_or(model_id)))
}

pub(super) fn chat(settings: &Settings, system: &str, turns: &[Turn]) -> (String, Value) {
    let contents: Vec<_> = turns
        .iter()
        .map(|turn| {
            let role = match turn.role {
                Role::User => "user",
                Role::Assistant => "model",
            };
            json!({"role": role, "parts": [{"text": turn.text}]})
        })
        .collect();
    let body = json!({
        "systemInstruction": {"parts": [{"text": system}]},
        "contents": contents,
        "generationConfig": {"maxOutputTokens": ANSWER_TOKENS_MAX},
    });
    (format!("{}:generateContent", model_path(&settings.model_id)), body)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<Feedback>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<Piece>,
}

#[derive(Deserialize)]
struct Piece {
    text: Option<String>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

pub(super) fn read(response: &HttpResponse) -> Result<Answer, ModelError> {
    let generated: Generated = parse(response)?;
    if generated.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some()) {
        return Err(ModelError::Refused);
    }
    let candidate = generated.candidates.into_iter().next().ok_or(ModelError::Empty)?;
    let pieces = candidate.content.map(|content| content.parts).unwrap_or_default();
    let text: String =
        pieces.into_iter().filter(|piece| !piece.thought).filter_map(|piece| piece.text).collect();
    match candidate.finish_reason.as_deref() {
        Some("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII") if text.is_empty() => {
            Err(ModelError::Refused)
        }
        finish => Ok(Answer { text, is_cut: finish == Some("MAX_TOKENS") }),
    }
}
