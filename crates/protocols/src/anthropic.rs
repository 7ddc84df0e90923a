//! Anthropic's Messages API, `POST /v1/messages`. The formats are those of the npm package `@anthropic-ai/sdk` 1.12.

use serde_json::{Value, json};

use crate::model::answer::{Model, join_texts};
use crate::model::attachment::{Attachment, AttachmentKind};
use crate::model::conversation::Role;
use crate::model::draft::Draft;
use crate::model::error::ModelError;
use crate::model::prompt::Prompt;
use crate::model::usage::count;

/// The base URL of the API, without the version.
pub(crate) const DEFAULT_URL: &str = "https://api.anthropic.com";

/// The newest version of the API. For the fields that are sent here, it does not differ from 2023-06-01.
pub(crate) const VERSION: &str = "2026-10-21";

pub(crate) fn request(model: Model<'_>, prompt: Prompt<'_>) -> (String, Value) {
    let messages: Vec<_> = prompt
        .turns_with_attachments()
        .map(|(turn, attachments)| {
            let role = match turn.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            json!({"role": role, "content": content(&turn.text, attachments)})
        })
        .collect();
    let mut body = json!({
        "model": model.id,
        "max_tokens": prompt.budget.tokens_max,
        "system": prompt.system,
        "messages": messages,
    });
    if prompt.streams {
        body["stream"] = json!(true);
    }
    ("/v1/messages".to_owned(), body)
}

/// Builds the content of a message: its text, after blocks with what is attached, as Anthropic recommends.
fn content(text: &str, attachments: &[Attachment]) -> Value {
    let mut blocks: Vec<Value> = attachments.iter().filter_map(block).collect();
    if blocks.is_empty() {
        return json!(text);
    }
    // Empty text blocks are rejected.
    if !text.trim().is_empty() {
        blocks.push(json!({"type": "text", "text": text}));
    }
    json!(blocks)
}

/// Builds the block of an attachment, or `None` for sounds, for which the API has no block.
fn block(attachment: &Attachment) -> Option<Value> {
    let kind = match attachment.kind {
        AttachmentKind::Image => "image",
        AttachmentKind::Document => "document",
        AttachmentKind::Audio => return None,
    };
    let source =
        json!({"type": "base64", "media_type": attachment.plain_media_type(), "data": attachment.base64()});
    let mut block = json!({"type": kind, "source": source});
    if let (AttachmentKind::Document, Some(name)) = (attachment.kind, &attachment.file_name) {
        block["title"] = json!(name);
    }
    Some(block)
}

/// Reads a whole answer.
pub(crate) fn read_message(body: &Value, draft: &mut Draft) {
    draft.push_text(&join_texts(&body["content"]));
    draft.finish = body["stop_reason"].as_str().map(str::to_owned);
    read_usage(&body["usage"], draft);
}

/// Reads an event of a stream. Thinking, tool calls and pings are skipped.
pub(crate) fn read_event(event: &Value, draft: &mut Draft) {
    match event["type"].as_str() {
        Some("message_start") => read_usage(&event["message"]["usage"], draft),
        Some("content_block_start") => draft.push_text(&join_texts(&event["content_block"])),
        Some("content_block_delta") if event["delta"]["type"] == "text_delta" => {
            draft.push_text(event["delta"]["text"].as_str().unwrap_or_default());
        }
        Some("message_delta") => {
            if let Some(reason) = event["delta"]["stop_reason"].as_str() {
                draft.finish = Some(reason.to_owned());
            }
            read_usage(&event["usage"], draft);
        }
        _ => {}
    }
}

/// Reads token counts. Those of an event replace earlier ones, and an event may have only some of them.
fn read_usage(usage: &Value, draft: &mut Draft) {
    let mut known = draft.usage.unwrap_or_default();
    let output = count(&usage["output_tokens"]);
    if let Some(uncached) = count(&usage["input_tokens"]) {
        // Anthropic does not include what came from the cache or was written to it.
        let cached = count(&usage["cache_read_input_tokens"]).unwrap_or_default();
        let written = count(&usage["cache_creation_input_tokens"]).unwrap_or_default();
        known.input_tokens = uncached.saturating_add(cached).saturating_add(written);
        known.cached_input_tokens = cached;
    } else if output.is_none() {
        return;
    }
    known.output_tokens = output.unwrap_or(known.output_tokens);
    draft.usage = Some(known);
}

/// Returns whether an answer is truncated, or why it is none.
pub(crate) fn check_end(draft: &Draft) -> Result<bool, ModelError> {
    let stop = draft.finish.as_deref();
    match stop {
        Some("refusal") => Err(ModelError::Declined),
        _ if !draft.text.trim().is_empty() => {
            Ok(matches!(stop, Some("max_tokens" | "model_context_window_exceeded")))
        }
        Some("model_context_window_exceeded") => Err(ModelError::ContextTooLong),
        Some("max_tokens") => Err(ModelError::ThinkingOnly),
        Some(_) => Err(ModelError::EmptyAnswer),
        // A complete answer has a stop reason, so this one was interrupted.
        None => Err(ModelError::Unavailable),
    }
}
