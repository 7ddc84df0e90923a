//! Google's Gemini API, `POST /v1beta/models/{model}:generateContent`. The formats are those of the npm package
//! `@google/genai` 2.32.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::encode_segment;
use crate::model::answer::Model;
use crate::model::attachment::Attachment;
use crate::model::conversation::Role;
use crate::model::draft::Draft;
use crate::model::error::ModelError;
use crate::model::prompt::Prompt;
use crate::model::usage::{Usage, count};

/// The base URL of the API, without the version.
pub(crate) const DEFAULT_URL: &str = "https://generativelanguage.googleapis.com";

/// Returns the path of a model. Google's own lists write `models/{id}`, so both forms are accepted.
pub(crate) fn model_path(model_id: &str) -> String {
    format!("/v1beta/models/{}", encode_segment(model_id.strip_prefix("models/").unwrap_or(model_id)))
}

pub(crate) fn request(model: Model<'_>, prompt: Prompt<'_>) -> (String, Value) {
    let contents: Vec<_> = prompt
        .turns_with_attachments()
        .map(|(turn, attachments)| {
            let role = match turn.role {
                Role::User => "user",
                Role::Assistant => "model",
            };
            json!({"role": role, "parts": parts(&turn.text, attachments)})
        })
        .collect();
    let budget = prompt.budget;
    let mut body = json!({
        "systemInstruction": {"parts": [{"text": prompt.system}]},
        "contents": contents,
        "generationConfig": {"maxOutputTokens": budget.tokens_max},
    });
    if budget.reduces_thinking {
        // Models before version 3 have no thinking levels, but all of them accept a budget of this size.
        let is_older = model.id.contains("gemini-1") || model.id.contains("gemini-2");
        let less = if is_older { json!({"thinkingBudget": 1024}) } else { json!({"thinkingLevel": "LOW"}) };
        body["generationConfig"]["thinkingConfig"] = less;
    }
    // Without `alt=sse`, a stream is a JSON list.
    let verb = if prompt.streams { "streamGenerateContent?alt=sse" } else { "generateContent" };
    (format!("{}:{verb}", model_path(model.id)), body)
}

/// Builds the parts of a content: what is attached, then the text, as Google recommends.
fn parts(text: &str, attachments: &[Attachment]) -> Vec<Value> {
    let mut parts: Vec<Value> = attachments
        .iter()
        .map(|attachment| {
            let media_type = match attachment.plain_media_type().as_str() {
                "audio/mpeg" => "audio/mp3".to_owned(),
                "audio/x-wav" | "audio/wave" => "audio/wav".to_owned(),
                other => other.to_owned(),
            };
            json!({"inlineData": {"mimeType": media_type, "data": attachment.base64()}})
        })
        .collect();
    if parts.is_empty() || !text.trim().is_empty() {
        parts.push(json!({"text": text}));
    }
    parts
}

/// Reads a whole answer, or an event of a stream, which has the same format with a piece of the text.
pub(crate) fn read_response(body: &Value, draft: &mut Draft) {
    draft.is_declined |= body["promptFeedback"]["blockReason"].is_string();
    let candidate = &body["candidates"][0];
    let pieces = candidate["content"]["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    for text in
        pieces.iter().filter(|piece| piece["thought"] != true).filter_map(|piece| piece["text"].as_str())
    {
        draft.push_text(text);
    }
    if let Some(finish) = candidate["finishReason"].as_str() {
        draft.finish = Some(finish.to_owned());
    }
    // Each event has the counts so far.
    if body["usageMetadata"].is_object() {
        draft.usage = Some(read_usage(&body["usageMetadata"]));
    }
}

fn read_usage(usage: &Value) -> Usage {
    let sum = |names: [&str; 2]| {
        let counts = names.map(|name| count(&usage[name]).unwrap_or_default());
        counts[0].saturating_add(counts[1])
    };
    Usage {
        input_tokens: sum(["promptTokenCount", "toolUsePromptTokenCount"]),
        output_tokens: sum(["candidatesTokenCount", "thoughtsTokenCount"]),
        cached_input_tokens: count(&usage["cachedContentTokenCount"]).unwrap_or_default(),
        cost_micro_usd: None,
    }
}

/// Returns whether an answer is truncated, or why it is none.
pub(crate) fn check_end(draft: &Draft) -> Result<bool, ModelError> {
    let finish = draft.finish.as_deref();
    if draft.is_declined {
        return Err(ModelError::Declined);
    }
    if !draft.text.trim().is_empty() {
        return Ok(finish == Some("MAX_TOKENS"));
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
