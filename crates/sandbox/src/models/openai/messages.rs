//! The messages of a chat completion, which OpenAI and OpenRouter validate alike.

use serde_json::{Map, Value};

use super::{error_with_code, invalid_parameter};
use crate::{
    models::{
        conversation::{Conversation, Role, Turn},
        shown::{Kind, Shown, ShownError},
    },
    web::HandlerResult,
};

/// The maximum size of a part in base64: the 50 MB of a whole request.
const PART_CHARS_MAX: usize = 50_000_000;
/// The formats that OpenRouter documents. OpenAI's models take the first two, which their ids decide.
const AUDIO_FORMATS: [&str; 8] = ["wav", "mp3", "aiff", "aac", "ogg", "flac", "m4a", "pcm16"];

/// Validates the messages of a chat and returns them.
pub(crate) fn parse_turns(body: &Map<String, Value>) -> HandlerResult<Conversation> {
    if body.get("model").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(error_with_code(
            400,
            "invalid_request_error",
            "you must provide a model parameter",
            None,
            None,
        ));
    }
    if body.get("stream").is_some_and(|stream| !stream.is_boolean() && !stream.is_null()) {
        return Err(invalid_parameter(
            "stream",
            "Invalid type for 'stream': expected a boolean.",
            "invalid_type",
        ));
    }
    for name in ["max_completion_tokens", "max_tokens"] {
        if body
            .get(name)
            .is_some_and(|count| !count.is_null() && count.as_i64().is_none_or(|count| count < 1))
        {
            return Err(invalid_parameter(
                name,
                &format!("Invalid '{name}': integer below minimum value."),
                "integer_below_min_value",
            ));
        }
    }
    let messages = match body.get("messages").map(Value::as_array) {
        None => {
            return Err(invalid_parameter(
                "messages",
                "Missing required parameter: 'messages'.",
                "missing_required_parameter",
            ));
        }
        Some(None) => {
            return Err(invalid_parameter(
                "messages",
                "Invalid type for 'messages': expected an array of objects.",
                "invalid_type",
            ));
        }
        Some(Some(messages)) if messages.is_empty() => {
            return Err(invalid_parameter(
                "messages",
                "Invalid 'messages': empty array. Expected an array with minimum length 1.",
                "empty_array",
            ));
        }
        Some(Some(messages)) => messages,
    };
    let mut conversation = Conversation::default();
    for (index, message) in messages.iter().enumerate() {
        read_message(message, index, &mut conversation)?;
    }
    Ok(conversation)
}

fn read_message(message: &Value, index: usize, conversation: &mut Conversation) -> HandlerResult<()> {
    let role = message["role"].as_str().unwrap_or_default();
    if !["user", "assistant", "system", "developer", "tool", "function"].contains(&role) {
        let param = format!("messages[{index}].role");
        return Err(invalid_parameter(
            &param,
            &format!(
                "Invalid value for '{param}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
            ),
            "invalid_value",
        ));
    }
    if role == "tool" && !message["tool_call_id"].is_string() {
        let param = format!("messages[{index}].tool_call_id");
        let text = format!("Missing required parameter: '{param}'.");
        return Err(invalid_parameter(&param, &text, "missing_required_parameter"));
    }
    // A message that only calls tools has no content.
    let calls_tools =
        role == "assistant" && !(message["tool_calls"].is_null() && message["function_call"].is_null());
    let (text, attachments) = match &message["content"] {
        Value::Null if calls_tools => (String::new(), Vec::new()),
        content => parse_content(content, &format!("messages[{index}].content"), role != "user")?,
    };
    match role {
        "system" | "developer" => {
            if !conversation.system.is_empty() {
                conversation.system.push('\n');
            }
            conversation.system.push_str(&text);
        }
        "assistant" => conversation.push(Turn { role: Role::Assistant, text, attachments }),
        _ => conversation.push(Turn { role: Role::User, text, attachments }),
    }
    Ok(())
}

/// Reads a text or a list of parts. Only results and the assistant may say nothing.
fn parse_content(value: &Value, param: &str, may_be_empty: bool) -> HandlerResult<(String, Vec<Shown>)> {
    let invalid = |message: &str| {
        invalid_parameter(param, &format!("Invalid value for '{param}': {message}."), "invalid_value")
    };
    let (mut texts, mut attachments) = (Vec::new(), Vec::new());
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(parts) => {
            for (index, part) in parts.iter().enumerate() {
                let param = format!("{param}[{index}]");
                match part["type"].as_str().unwrap_or_default() {
                    "text" if part["text"].is_string() => {
                        texts.push(part["text"].as_str().unwrap_or_default().to_owned());
                    }
                    "refusal" => {}
                    _ => attachments.push(parse_part(part, &param)?),
                }
            }
        }
        _ => return Err(invalid("expected a string or a list of parts")),
    }
    let text = texts.join("\n");
    if text.is_empty() && attachments.is_empty() && !may_be_empty {
        return Err(invalid("expected a non-empty string"));
    }
    Ok((text, attachments))
}

/// Reads a part that is not text.
fn parse_part(part: &Value, param: &str) -> HandlerResult<Shown> {
    let kind = part["type"].as_str().unwrap_or_default();
    let shown = match kind {
        "image_url" => match part["image_url"]["url"].as_str() {
            Some(url) => Shown::from_url(Kind::Image, url, PART_CHARS_MAX),
            None => Err(ShownError::Empty),
        },
        "file" => match (part["file"]["file_data"].as_str(), part["file"]["file_id"].as_str()) {
            (Some(data), _) if part["file"]["filename"].is_string() => {
                Shown::from_url(Kind::Document, data, PART_CHARS_MAX)
            }
            (_, Some(id)) => Ok(Shown::elsewhere(Kind::Document, id)),
            _ => Err(ShownError::Empty),
        },
        "input_audio" => {
            let format = part["input_audio"]["format"].as_str().unwrap_or_default();
            let data = part["input_audio"]["data"].as_str().unwrap_or_default();
            if AUDIO_FORMATS.contains(&format) {
                Shown::decode(Kind::Audio, &format!("audio/{format}"), data, PART_CHARS_MAX)
            } else {
                Err(ShownError::MediaType)
            }
        }
        other => {
            let message = format!(
                "Invalid value: '{other}'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', and 'file'."
            );
            return Err(invalid_parameter(&format!("{param}.type"), &message, "invalid_value"));
        }
    };
    let shown = shown.and_then(|shown| {
        let is_image = shown.media_type().starts_with("image/") || !shown.has_content();
        if kind == "image_url" && !is_image { Err(ShownError::MediaType) } else { Ok(shown) }
    });
    shown.map_err(|refusal| {
        let why = match refusal {
            ShownError::Base64 => "the data is not valid base64",
            ShownError::Empty => "the data is missing or empty",
            ShownError::MediaType => "the format is not supported",
            ShownError::TooLarge => "the data is too large",
        };
        invalid_parameter(param, &format!("Invalid '{kind}' part: {why}."), "invalid_value")
    })
}
