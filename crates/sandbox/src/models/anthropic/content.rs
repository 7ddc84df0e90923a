//! The messages of a request to Anthropic and their blocks, validated as Anthropic does.

use serde_json::Value;

use super::{VERSION_WITHOUT_SAMPLING, error};
use crate::{
    models::{
        conversation::{Conversation, Role, Turn},
        shown::{Kind, Shown, ShownError},
    },
    web::HandlerResult,
};

/// The maximum size of an image in base64: 5 MiB.
const IMAGE_CHARS_MAX: usize = 5 * 1024 * 1024;
/// The maximum size of a document in base64. The size of the whole request is limited to 32 MB.
const DOCUMENT_CHARS_MAX: usize = 32_000_000;
const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// Blocks that are allowed and say nothing to the scripted model.
const OTHER_BLOCKS: [&str; 12] = [
    "tool_use",
    "thinking",
    "redacted_thinking",
    "search_result",
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "container_upload",
    "compaction",
];

/// Reads the system prompt, which is a text or a list of text blocks.
pub(super) fn parse_system(system: &Value) -> HandlerResult<String> {
    let problem = |problem: String| error(400, &format!("system: {problem}"));
    let content = Content::parse(system, Role::User, "").map_err(problem)?;
    Ok(content.texts.join("\n"))
}

/// Reads the messages. Several of the same role in a row are merged.
pub(super) fn parse_turns(messages: &Value, version: &str) -> HandlerResult<Conversation> {
    let invalid = |message: String| Err(error(400, &message));
    let Some(messages) = messages.as_array() else {
        return invalid("messages: Input should be a valid array".to_owned());
    };
    if messages.is_empty() {
        return invalid("messages: at least one message is required".to_owned());
    }
    let mut conversation = Conversation::default();
    for (index, message) in messages.iter().enumerate() {
        let role = match message["role"].as_str() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            _ => return invalid(format!("messages.{index}.role: Input should be 'user' or 'assistant'")),
        };
        if let Some(name) = message
            .as_object()
            .and_then(|fields| fields.keys().find(|name| *name != "role" && *name != "content"))
        {
            return invalid(format!("messages.{index}.{name}: Extra inputs are not permitted"));
        }
        if index == 0 && role != Role::User {
            return invalid("messages: first message must use the \"user\" role".to_owned());
        }
        let content = Content::parse(&message["content"], role, version)
            .map_err(|problem| error(400, &format!("messages.{index}: {problem}")))?;
        conversation.push(Turn { role, text: content.texts.join("\n"), attachments: content.attachments });
    }
    Ok(conversation)
}

#[derive(Default)]
struct Content {
    texts: Vec<String>,
    attachments: Vec<Shown>,
    has_other_blocks: bool,
}

impl Content {
    /// Reads a text or a list of blocks, which must not be empty.
    fn parse(value: &Value, role: Role, version: &str) -> Result<Self, String> {
        let mut content = Self::default();
        match value {
            Value::String(text) => content.texts.push(text.clone()),
            Value::Array(blocks) => {
                for (index, block) in blocks.iter().enumerate() {
                    content.read_block(block, index, role, version)?;
                }
            }
            _ => return Err("content: Input should be a valid string or list".to_owned()),
        }
        let is_blank = content.texts.iter().all(|text| text.trim().is_empty());
        if is_blank && content.attachments.is_empty() && !content.has_other_blocks {
            return Err("text content must be non-empty and contain non-whitespace text".to_owned());
        }
        Ok(content)
    }

    fn read_block(&mut self, block: &Value, index: usize, role: Role, version: &str) -> Result<(), String> {
        let kind = block["type"].as_str().unwrap_or_default();
        match kind {
            "text" => match block["text"].as_str().filter(|text| !text.is_empty()) {
                Some(text) => self.texts.push(text.to_owned()),
                None => return Err("text content blocks must be non-empty".to_owned()),
            },
            "document" if role == Role::Assistant && version == VERSION_WITHOUT_SAMPLING => {
                return Err(format!("content.{index}: document blocks are only allowed in user messages"));
            }
            "image" | "document" => self.read_source(kind, &block["source"], index)?,
            "tool_result" if block["tool_use_id"].is_string() => {
                self.has_other_blocks = true;
                let result = &block["content"];
                if !result.is_null() && result != "" && result != &Value::Array(Vec::new()) {
                    let inner = Self::parse(result, role, version)
                        .map_err(|problem| format!("content.{index}.tool_result.{problem}"))?;
                    self.texts.extend(inner.texts);
                    self.attachments.extend(inner.attachments);
                }
            }
            "tool_result" => return Err(format!("content.{index}.tool_result.tool_use_id: Field required")),
            kind if OTHER_BLOCKS.contains(&kind) => self.has_other_blocks = true,
            other => {
                return Err(format!(
                    "content.{index}: Input tag '{other}' found using 'type' does not match any of the expected tags"
                ));
            }
        }
        Ok(())
    }

    fn read_source(&mut self, kind: &str, source: &Value, index: usize) -> Result<(), String> {
        let place = format!("content.{index}.{kind}.source");
        let (shown_kind, chars_max) = match kind {
            "image" => (Kind::Image, IMAGE_CHARS_MAX),
            _ => (Kind::Document, DOCUMENT_CHARS_MAX),
        };
        let media_type = source["media_type"].as_str().unwrap_or_default();
        let data = source["data"].as_str().unwrap_or_default();
        let shown = match source["type"].as_str().unwrap_or_default() {
            "base64" if shown_kind == Kind::Image && !IMAGE_TYPES.contains(&media_type) => {
                return Err(format!(
                    "{place}.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
                ));
            }
            "base64" if shown_kind == Kind::Document && media_type != "application/pdf" => {
                return Err(format!("{place}.base64.media_type: Input should be 'application/pdf'"));
            }
            "base64" => {
                Shown::decode(shown_kind, media_type, data, chars_max).map_err(|refusal| match refusal {
                    ShownError::TooLarge => {
                        format!(
                            "{place}.base64: {kind} exceeds 5 MB maximum: {} bytes > {chars_max} bytes",
                            data.len()
                        )
                    }
                    ShownError::Empty => format!("{place}.base64.data: {kind} cannot be empty"),
                    ShownError::Base64 | ShownError::MediaType => {
                        format!("{place}.base64.data: invalid base64 data")
                    }
                })?
            }
            "text" if shown_kind == Kind::Document && !data.is_empty() => {
                Shown::of_bytes(shown_kind, media_type, data.as_bytes())
            }
            "url" | "file" => {
                let address = source["url"].as_str().or_else(|| source["file_id"].as_str());
                let address = address.ok_or_else(|| format!("{place}: Field required"))?;
                Shown::elsewhere(shown_kind, address)
            }
            "content" if shown_kind == Kind::Document => {
                Shown::of_bytes(shown_kind, "text/plain", source["content"].to_string().as_bytes())
            }
            _ => return Err(format!("{place}: Input tag does not match any of the expected tags")),
        };
        self.attachments.push(shown);
        Ok(())
    }
}
