//! The contents of a request to Google, validated as Google does.

use serde_json::{Map, Value};

use super::error;
use crate::{
    models::{
        conversation::{Conversation, Role, Turn},
        shown::{Kind, Shown, ShownError},
    },
    web::{ErrorResponse, HandlerResult},
};

/// The maximum size of inline data in base64: the 20 MB of a whole request.
const INLINE_CHARS_MAX: usize = 20_000_000;
/// Parts that are allowed and say nothing to the scripted model.
const OTHER_PARTS: [&str; 8] = [
    "functionCall",
    "function_call",
    "executableCode",
    "executable_code",
    "codeExecutionResult",
    "code_execution_result",
    "toolCall",
    "toolResponse",
];
const KNOWN_FIELDS: [&str; 12] = [
    "contents",
    "systemInstruction",
    "system_instruction",
    "generationConfig",
    "generation_config",
    "safetySettings",
    "safety_settings",
    "tools",
    "toolConfig",
    "tool_config",
    "cachedContent",
    "labels",
];

/// Reads the conversation of a request.
pub(super) fn validate(body: &Map<String, Value>) -> HandlerResult<Conversation> {
    if let Some(name) = body.keys().find(|name| !KNOWN_FIELDS.contains(&name.as_str())) {
        return Err(invalid(&format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."
        )));
    }
    let contents = body.get("contents").and_then(Value::as_array).filter(|contents| !contents.is_empty());
    let Some(contents) = contents else {
        return Err(invalid("* GenerateContentRequest.contents: contents is not specified"));
    };
    let mut conversation = Conversation::default();
    if let Some(system) = body.get("systemInstruction").or_else(|| body.get("system_instruction")) {
        let texts = system["parts"].as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
        conversation.system = texts.collect::<Vec<_>>().join("\n");
    }
    for (index, content) in contents.iter().enumerate() {
        let role = match content.get("role").map(Value::as_str) {
            None | Some(Some("user" | "function")) => Role::User,
            Some(Some("model")) => Role::Assistant,
            Some(_) => return Err(invalid("Please use a valid role: user, model.")),
        };
        let parts = content["parts"].as_array().filter(|parts| !parts.is_empty());
        let parts = parts.ok_or_else(|| empty_parts(index))?;
        conversation.push(parse_parts(parts, role, index)?);
    }
    Ok(conversation)
}

fn invalid(message: &str) -> ErrorResponse {
    error(400, message)
}

fn empty_parts(index: usize) -> ErrorResponse {
    invalid(&format!("* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty."))
}

fn parse_parts(parts: &[Value], role: Role, index: usize) -> HandlerResult<Turn> {
    let (mut texts, mut attachments, mut has_others) = (Vec::new(), Vec::new(), false);
    for part in parts {
        let field = |names: [&str; 2]| names.iter().find_map(|name| part.get(*name));
        if let Some(text) = part["text"].as_str() {
            texts.push(text.to_owned());
        } else if let Some(data) = field(["inlineData", "inline_data"]) {
            attachments.push(parse_inline(data)?);
        } else if let Some(file) = field(["fileData", "file_data"]) {
            let address = file["fileUri"].as_str().or_else(|| file["file_uri"].as_str()).unwrap_or_default();
            attachments.push(Shown::elsewhere(Kind::Document, address));
        } else if let Some(result) = field(["functionResponse", "function_response"]) {
            texts.push(result["response"].to_string());
        } else if OTHER_PARTS.iter().any(|name| part.get(*name).is_some()) {
            has_others = true;
        } else {
            return Err(empty_parts(index));
        }
    }
    let text = texts.join("\n");
    if text.is_empty() && attachments.is_empty() && !has_others {
        return Err(empty_parts(index));
    }
    Ok(Turn { role, text, attachments })
}

fn parse_inline(data: &Value) -> HandlerResult<Shown> {
    let text = |names: [&str; 2]| names.iter().find_map(|name| data[*name].as_str()).unwrap_or_default();
    let media_type = text(["mimeType", "mime_type"]);
    let kind = match media_type.split('/').next().unwrap_or_default() {
        "image" if media_type != "image/gif" => Kind::Image,
        "audio" => Kind::Audio,
        "application" | "text" | "video" => Kind::Document,
        _ => return Err(invalid(&format!("Unsupported MIME type: {media_type}"))),
    };
    Shown::decode(kind, media_type, text(["data", "data"]), INLINE_CHARS_MAX).map_err(|refusal| match refusal {
        ShownError::TooLarge => invalid("Request payload size exceeds the limit: 20971520 bytes."),
        ShownError::Empty => invalid("Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting"),
        ShownError::Base64 | ShownError::MediaType => {
            invalid("Invalid value at 'contents.parts.inline_data.data' (TYPE_BYTES), Base64 decoding failed")
        }
    })
}
