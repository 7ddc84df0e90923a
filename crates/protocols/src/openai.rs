//! OpenAI's Chat Completions API, `POST /chat/completions`, which OpenRouter implements as well. The formats are those
//! of the npm packages `openai` 6.49 and `@openrouter/sdk` 1.3.

use reef_domain::wire::Provider;
use serde_json::{Value, json};

use crate::model::answer::{Model, join_texts};
use crate::model::attachment::{Attachment, AttachmentKind};
use crate::model::conversation::Role;
use crate::model::draft::Draft;
use crate::model::error::ModelError;
use crate::model::prompt::Prompt;
use crate::model::usage::{Usage, count, micro_usd};

/// The base URL of the API, which includes the version.
pub(crate) const DEFAULT_URL: &str = "https://api.openai.com/v1";

pub(crate) fn request(model: Model<'_>, prompt: Prompt<'_>) -> (String, Value) {
    let said = prompt.turns_with_attachments().map(|(turn, attachments)| {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        json!({"role": role, "content": content(&turn.text, attachments)})
    });
    let messages: Vec<_> =
        std::iter::once(json!({"role": "system", "content": prompt.system})).chain(said).collect();
    // OpenAI's reasoning models reject `max_tokens`, but OpenRouter requires this name.
    let limit = match model.provider {
        Provider::Openrouter => "max_tokens",
        _ => "max_completion_tokens",
    };
    let budget = prompt.budget;
    let mut body = json!({"model": model.id, "messages": messages, limit: budget.tokens_max});
    match model.provider {
        Provider::Openrouter if budget.reduces_thinking => body["reasoning"] = json!({"effort": "low"}),
        _ if budget.reduces_thinking => body["reasoning_effort"] = json!("low"),
        _ => {}
    }
    if prompt.streams {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    ("/chat/completions".to_owned(), body)
}

/// Builds the content of a message: its text, then what is attached, as OpenRouter recommends.
fn content(text: &str, attachments: &[Attachment]) -> Value {
    if attachments.is_empty() {
        return json!(text);
    }
    let mut parts = Vec::with_capacity(attachments.len() + 1);
    if !text.trim().is_empty() {
        parts.push(json!({"type": "text", "text": text}));
    }
    parts.extend(attachments.iter().map(part));
    json!(parts)
}

fn part(attachment: &Attachment) -> Value {
    match attachment.kind {
        AttachmentKind::Image => json!({"type": "image_url", "image_url": {"url": attachment.data_url()}}),
        AttachmentKind::Document => {
            let name = attachment.file_name.as_deref().unwrap_or("document.pdf");
            json!({"type": "file", "file": {"filename": name, "file_data": attachment.data_url()}})
        }
        AttachmentKind::Audio => {
            let format = attachment.audio_format();
            json!({"type": "input_audio", "input_audio": {"data": attachment.base64(), "format": format}})
        }
    }
}

/// Reads a whole answer, or a chunk of a stream, in which `delta` has a piece of the message. Reasoning is in fields of
/// its own, which are skipped.
pub(crate) fn read_chunk(body: &Value, draft: &mut Draft) {
    let choice = &body["choices"][0];
    for message in [&choice["message"], &choice["delta"]] {
        draft.push_text(&join_texts(&message["content"]));
        draft.is_declined |= has_refusal(message);
    }
    if let Some(finish) = choice["finish_reason"].as_str() {
        draft.finish = Some(finish.to_owned());
    }
    // The reason of the provider behind OpenRouter, which can be a failure although OpenRouter says `stop`.
    if let Some(native) = choice["native_finish_reason"].as_str() {
        draft.native_finish = native.to_lowercase();
    }
    if body["usage"].is_object() {
        draft.usage = Some(read_usage(&body["usage"]));
    }
}

fn has_refusal(message: &Value) -> bool {
    let is_refusal = |value: &Value| value["refusal"].as_str().is_some_and(|words| !words.is_empty());
    let parts = message["content"].as_array();
    is_refusal(message) || parts.is_some_and(|parts| parts.iter().any(is_refusal))
}

fn read_usage(usage: &Value) -> Usage {
    Usage {
        input_tokens: count(&usage["prompt_tokens"]).unwrap_or_default(),
        output_tokens: count(&usage["completion_tokens"]).unwrap_or_default(),
        cached_input_tokens: count(&usage["prompt_tokens_details"]["cached_tokens"]).unwrap_or_default(),
        cost_micro_usd: micro_usd(&usage["cost"]),
    }
}

/// Returns whether an answer is truncated, or why it is none.
pub(crate) fn check_end(draft: &Draft) -> Result<bool, ModelError> {
    let finish = draft.finish.as_deref();
    if finish == Some("error") {
        return Err(ModelError::Unavailable);
    }
    if !draft.text.trim().is_empty() {
        return Ok(finish == Some("length") || draft.native_finish.contains("error"));
    }
    Err(classify_empty(finish, &draft.native_finish, draft.is_declined))
}

/// Classifies a response with status 200 that has no text.
fn classify_empty(finish: Option<&str>, native: &str, has_refusal: bool) -> ModelError {
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
