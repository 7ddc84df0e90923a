//! OpenAI's `/v1/audio/transcriptions`. The scripted model describes what it is sent.

use axum::{Json, body::Bytes, http::HeaderMap, response::IntoResponse};
use serde_json::json;

use super::{authenticate, error, error_with_code, invalid_parameter, model_not_found};
use crate::{
    models::{
        key_kind::KeyKind,
        shown::{Kind, Shown},
    },
    web::{HandlerResult, header_text},
};

const MODELS: [&str; 4] =
    ["gpt-4o-mini-transcribe", "gpt-4o-transcribe", "gpt-4o-transcribe-diarize", "whisper-1"];
/// The endings of file names by which OpenAI recognizes the format.
const ENDINGS: [&str; 10] = ["flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm"];
/// The maximum size of a file: 25 MB.
const FILE_BYTES_MAX: usize = 25 * 1024 * 1024;

/// `POST /v1/audio/transcriptions`, a form with `file` and `model`.
pub(super) async fn transcribe(headers: HeaderMap, raw: Bytes) -> HandlerResult {
    let key = authenticate(&headers)?;
    let kind = header_text(&headers, "content-type").unwrap_or_default();
    let boundary = kind.strip_prefix("multipart/form-data").and_then(|rest| rest.split_once("boundary="));
    let (_, boundary) = boundary.ok_or_else(|| error(400, "Could not parse multipart form"))?;
    let parts = parse_form(&raw, boundary.trim_matches('"'));
    let find = |name: &str| parts.iter().find(|part| part.name == name);
    let missing = |name: &str| {
        invalid_parameter(
            name,
            &format!("Missing required parameter: '{name}'."),
            "missing_required_parameter",
        )
    };
    let model = find("model").ok_or_else(|| missing("model"))?;
    let model = String::from_utf8_lossy(model.content);
    if !MODELS.contains(&model.as_ref()) {
        return Err(model_not_found(&model));
    }
    let file = find("file").ok_or_else(|| missing("file"))?;
    let ending = file.file_name.rsplit('.').next().unwrap_or_default();
    if !ENDINGS.contains(&ending) || file.content.is_empty() {
        return Err(invalid_parameter(
            "file",
            &format!("Invalid file format. Supported formats: {ENDINGS:?}"),
            "unsupported_value",
        ));
    }
    if file.content.len() > FILE_BYTES_MAX {
        return Err(error(413, "Maximum content size limit (26214400) exceeded"));
    }
    if key == KeyKind::OutOfCredit {
        let message = "You exceeded your current quota, please check your plan and billing details.";
        return Err(error_with_code(429, "insufficient_quota", message, None, Some("insufficient_quota")));
    }
    let text = format!(
        "I say {}",
        Shown::of_bytes(Kind::Audio, &format!("audio/{ending}"), file.content).describe()
    );
    let usage = json!({"type": "tokens", "input_tokens": 20, "output_tokens": 20, "total_tokens": 40,
        "input_token_details": {"audio_tokens": 20, "text_tokens": 0}});
    Ok(Json(json!({"text": text, "usage": usage})).into_response())
}

struct Part<'a> {
    name: String,
    file_name: String,
    content: &'a [u8],
}

/// Splits a form into its parts. Parts that cannot be read are left out.
fn parse_form<'a>(body: &'a [u8], boundary: &str) -> Vec<Part<'a>> {
    let delimiter = format!("--{boundary}");
    let delimiter = delimiter.as_bytes();
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(found) = find(&body[at..], delimiter) {
        at += found + delimiter.len();
        starts.push(at);
    }
    let ends = starts.iter().skip(1).map(|next| next - delimiter.len());
    starts.iter().zip(ends).filter_map(|(start, end)| parse_part(&body[*start..end])).collect()
}

fn parse_part(part: &[u8]) -> Option<Part<'_>> {
    let blank = find(part, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&part[..blank]).ok()?;
    let content = part[blank + 4..].strip_suffix(b"\r\n")?;
    let quoted = |name: &str| {
        let (_, rest) = head.split_once(&format!(" {name}=\""))?;
        rest.split('"').next().map(str::to_owned)
    };
    Some(Part { name: quoted("name")?, file_name: quoted("filename").unwrap_or_default(), content })
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
