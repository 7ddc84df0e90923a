//! The bodies of the requests with which people and tests act in a chat: JSON, and forms with or without a file.

use axum::{body::Bytes, http::HeaderMap};
use serde_json::{Map, Value, json};

use super::multipart::{self, File};
use crate::web::{HandlerResult, error_response, is_json, parse_pairs};

/// The fields that are integers, which forms send as text.
const INTEGERS: [&str; 8] = [
    "chatId",
    "userId",
    "threadId",
    "replyToMessageId",
    "editOfMessageId",
    "messageId",
    "addedBy",
    "duration",
];

/// A request to one of the endpoints.
pub(super) struct Body {
    pub fields: Map<String, Value>,
    pub file: Option<File>,
    /// Where a page's form leads back to. A program has none, and expects JSON.
    pub back: Option<String>,
}

/// Reads the body of a request: JSON, or a form with or without a file.
pub(super) async fn read_body(headers: &HeaderMap, bytes: Bytes) -> HandlerResult<Body> {
    if let Some(kind) = multipart::content_type(headers) {
        let form = multipart::read(kind, bytes)
            .await
            .map_err(|error| error_response(400, &format!("The body is not multipart/form-data: {error}")))?;
        let file = form.files.into_iter().find(|file| file.field == "file");
        return from_pairs(form.fields, file, false);
    }
    // `curl -d` sends JSON with the content type of a form.
    if is_json(headers) || bytes.trim_ascii_start().starts_with(b"{") {
        let fields = serde_json::from_slice(&bytes)
            .map_err(|error| error_response(400, &format!("The body is not a JSON object: {error}")))?;
        return Ok(Body { fields, file: None, back: None });
    }
    from_pairs(parse_pairs(&bytes), None, true)
}

fn from_pairs(pairs: Vec<(String, String)>, file: Option<File>, is_page: bool) -> HandlerResult<Body> {
    let mut fields = Map::new();
    let (mut is_page, mut is_inner) = (is_page, false);
    for (name, text) in pairs {
        match name.as_str() {
            "page" => is_page = true,
            "inner" => is_inner = text == "true",
            // Forms send the fields that are left empty. An empty text is an error.
            _ if text.is_empty() && name != "text" => {}
            _ if INTEGERS.contains(&name.as_str()) => {
                let number: i64 = text
                    .trim()
                    .parse()
                    .map_err(|_| error_response(400, &format!("{name} must be an integer.")))?;
                fields.insert(name, json!(number));
            }
            _ => {
                fields.insert(name, Value::String(text));
            }
        }
    }
    let back = (is_page || is_inner).then(|| back_query(&fields, is_inner));
    Ok(Body { fields, file, back })
}

/// Renders the query of the chat that a form acts in.
fn back_query(fields: &Map<String, Value>, is_inner: bool) -> String {
    let number = |name: &str| fields.get(name).and_then(Value::as_i64);
    let mut query =
        format!("?{}chatId={}", if is_inner { "inner=true&" } else { "" }, number("chatId").unwrap_or(1));
    for (name, id) in [("userId", number("userId").or(number("addedBy"))), ("threadId", number("threadId"))] {
        if let Some(id) = id {
            query.push_str(&format!("&{name}={id}"));
        }
    }
    query
}
