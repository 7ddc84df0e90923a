//! The parameters and the result of a method call.

use axum::{body::Bytes, http::HeaderMap};
use serde_json::{Map, Value};

use super::{
    bad_request,
    multipart::{self, File},
};
use crate::web::{HandlerResult, is_json, parse_pairs};

/// The parameters of a call, from its query and its body.
pub(super) type Params = Map<String, Value>;

/// The result of a method, and for some methods a description.
pub(super) struct MethodResult {
    pub result: Value,
    pub description: Option<&'static str>,
}

impl MethodResult {
    pub fn from_result(result: impl Into<Value>) -> Self {
        Self { result: result.into(), description: None }
    }
}

/// Parses the parameters of a call, and the files that are sent with it.
pub(super) async fn parse_params(
    query: Option<&str>,
    headers: &HeaderMap,
    body: Bytes,
) -> HandlerResult<(Params, Vec<File>)> {
    let text =
        |pairs: Vec<(String, String)>| pairs.into_iter().map(|(name, value)| (name, Value::String(value)));
    let mut params: Params = text(parse_pairs(query.unwrap_or_default().as_bytes())).collect();
    if body.is_empty() {
        return Ok((params, Vec::new()));
    }
    if let Some(kind) = multipart::content_type(headers) {
        let form = multipart::read(kind, body).await.map_err(|why| bad_request(&why))?;
        params.extend(text(form.fields));
        return Ok((params, form.files));
    }
    if is_json(headers) {
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => params.extend(fields),
            _ => return Err(bad_request("object expected as a JSON body")),
        }
    } else {
        params.extend(text(parse_pairs(&body)));
    }
    Ok((params, Vec::new()))
}

/// Returns a parameter as text. JSON may contain a number where a form has text.
pub(super) fn text_param(params: &Params, name: &str) -> Option<String> {
    match params.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns an integer parameter, which may be a string.
pub(super) fn integer_param(params: &Params, name: &str) -> Option<i64> {
    match params.get(name)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Whether a parameter is set to true.
pub(super) fn flag_param(params: &Params, name: &str) -> bool {
    match params.get(name) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "1"),
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        _ => false,
    }
}

/// Returns an object or a list, which may be JSON within a string. `Err` is a string that is not JSON.
pub(super) fn json_param(params: &Params, name: &str) -> Result<Option<Value>, serde_json::Error> {
    match params.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => serde_json::from_str(text).map(Some),
        Some(value) => Ok(Some(value.clone())),
    }
}

/// Returns a list of strings, which may be JSON within a string.
pub(super) fn parse_strings(value: &Value) -> Option<Value> {
    let list = match value {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    list.as_array()?.iter().all(Value::is_string).then_some(list)
}
