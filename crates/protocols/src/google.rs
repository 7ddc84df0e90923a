//! Google's Gemini API, `POST /v1beta/models/{model}:generateContent`. The formats are those of the npm package
//! `@google/genai` 2.32.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::encode_segment;
use crate::model::answer::{Answer, Model};
use crate::model::budget::TokenBudget;
use crate::model::conversation::{Role, Turn};
use crate::model::error::ModelError;

/// The base URL of the API, without the version.
pub(crate) const DEFAULT_URL: &str = "https://generativelanguage.googleapis.com";

/// Returns the path of a model. Google's own lists write `models/{id}`, so both forms are accepted.
pub(crate) fn model_path(model_id: &str) -> String {
    format!("/v1beta/models/{}", encode_segment(model_id.strip_prefix("models/").unwrap_or(model_id)))
}

pub(crate) fn request(
    model: Model<'_>,
    system: &str,
    turns: &[Turn],
    budget: TokenBudget,
) -> (String, Value) {
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
    let mut body = json!({
        "systemInstruction": {"parts": [{"text": system}]},
        "contents": contents,
        "generationConfig": {"maxOutputTokens": budget.tokens_max},
    });
    if budget.reduces_thinking {
        // Models before version 3 have no thinking levels, but all of them accept a budget of this size.
        let is_older = model.id.contains("gemini-1") || model.id.contains("gemini-2");
        let less = if is_older { json!({"thinkingBudget": 1024}) } else { json!({"thinkingLevel": "LOW"}) };
        body["generationConfig"]["thinkingConfig"] = less;
    }
    (format!("{}:generateContent", model_path(model.id)), body)
}

pub(crate) fn read_answer(body: &Value) -> Result<Answer, ModelError> {
    if body["promptFeedback"]["blockReason"].is_string() {
        return Err(ModelError::Declined);
    }
    let candidate = &body["candidates"][0];
    let pieces = candidate["content"]["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let said = pieces.iter().filter(|piece| piece["thought"] != true);
    let text: String = said.filter_map(|piece| piece["text"].as_str()).collect();
    let finish = candidate["finishReason"].as_str();
    if !text.trim().is_empty() {
        return Ok(Answer { text, is_truncated: finish == Some("MAX_TOKENS") });
    }
    Err(match finish {
        Some(
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE"
            | "MODEL_ARMOR",
        ) => ModelError::Declined,
        Some("MAX_TOKENS") => ModelError::ThinkingOnly,
        Some("STOP") => ModelError::EmptyAnswer,
        // For OTHER, MALFORMED_FUNCTION_CALL and the like, or without any candidate, a retry usually succeeds.
        _ => ModelError::Unavailable,
    })
}

/// A model as `GET /v1beta/models/{model}` describes it.
#[derive(Deserialize)]
pub(crate) struct ModelBody {
    #[serde(rename = "supportedGenerationMethods")]
    methods: Option<Vec<String>>,
}

impl ModelBody {
    /// Whether the model can chat. Google lists embedding models in the same place.
    pub fn can_chat(&self) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(|name| name == "generateContent"))
    }
}
