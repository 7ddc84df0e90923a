//! Messages to an assistant through the API, and its answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Issue;
use crate::input::{Fields, Parsed};
use crate::usage::UsageCost;

/// The maximum length of a message, in characters.
pub const MESSAGE_CHARS_MAX: usize = 8_000;

/// A message to an assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageInput {
    /// What is said.
    pub text: String,
    /// The conversation as it was sent; `None` for a new one.
    pub conversation_id: Option<String>,
}

/// Parses the body of a message.
///
/// # Errors
/// Every [`Issue`] of the body.
pub fn parse_message(body: Map<String, Value>) -> Parsed<MessageInput> {
    let mut fields = Fields::new(body);
    let text = fields.required("text", message_text);
    let conversation_id = fields.string("conversationId");
    fields.finish(text.map(|text| MessageInput { text, conversation_id }))
}

fn message_text(path: &str, text: &str) -> Result<String, Issue> {
    // PostgreSQL cannot store NUL in a text.
    let text = text.replace('\0', "");
    if text.trim().is_empty() {
        return Err(Issue::new(path, "too_short", "Write a message."));
    }
    if text.chars().count() > MESSAGE_CHARS_MAX {
        return Err(Issue::new(path, "too_long", "This must be at most 8,000 characters long."));
    }
    Ok(text)
}

/// The answer of an assistant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MessageRecord {
    /// The ID of the conversation, with which it is continued.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub conversation_id: String,
    /// The ID of the answer.
    #[cfg_attr(feature = "openapi", schema(format = Uuid))]
    pub message_id: String,
    /// The answer, in Markdown.
    pub text: String,
    /// What the answer has used.
    pub usage: UsageCost,
    /// The tools that the assistant has used.
    pub tools: Vec<ToolUse>,
}

/// A tool that the assistant has used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ToolUse {
    /// The name of the tool.
    pub name: String,
    /// Whether it has worked: `ok` or `failed`.
    pub status: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: &Value) -> Parsed<MessageInput> {
        parse_message(body.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn text_is_required_and_limited() {
        let input = parse(&json!({"text": "hi\u{0}", "conversationId": "x"})).expect("valid");
        assert_eq!((input.text.as_str(), input.conversation_id.as_deref()), ("hi", Some("x")));
        assert!(parse(&json!({"text": "é".repeat(8_000)})).is_ok());
        for (body, code) in [
            (json!({}), "required"),
            (json!({"text": " \n"}), "too_short"),
            (json!({"text": "é".repeat(8_001)}), "too_long"),
            (json!({"text": 7}), "invalid_type"),
            (json!({"text": "hi", "conversationId": null}), "invalid_type"),
            (json!({"text": "hi", "chat": 1}), "unknown_key"),
        ] {
            assert_eq!(parse(&body).expect_err("invalid")[0].code, code, "{body}");
        }
    }
}
