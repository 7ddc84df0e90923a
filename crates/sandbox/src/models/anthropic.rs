//! Anthropic's `/v1/messages` and `/v1/models`, in the versions 2023-06-01 and 2026-10-21.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery},
    http::HeaderMap,
    response::IntoResponse,
};
use serde_json::{Map, Value, json};

use super::{
    key_kind::{KeyKind, is_unknown_model},
    script::{self, Outcome, RATE_LIMIT_RETRY_AFTER_S, Role, Turn, seconds_to_midnight},
    sse,
};
use crate::{
    clock::{now_ms, random_base62},
    web::{ErrorResponse, HandlerResult, bearer_token, header_text, parse_pairs},
};

const VERSIONS: [&str; 3] = ["2023-01-01", "2023-06-01", "2026-10-21"];
/// This version rejects sampling parameters.
const VERSION_WITHOUT_SAMPLING: &str = "2026-10-21";
const SAMPLING: [&str; 3] = ["temperature", "top_p", "top_k"];
const KNOWN_FIELDS: [&str; 20] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "stream",
    "stop_sequences",
    "metadata",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "service_tier",
    "container",
    "mcp_servers",
    "context_management",
    "output_config",
    "cache_control",
    "inference_geo",
];
const MAX_TOKENS_MAX: i64 = 128_000;
const MODELS: [(&str, &str); 7] = [
    ("claude-opus-5-5", "Claude Opus 5.5"),
    ("claude-sonnet-5-5", "Claude Sonnet 5.5"),
    ("claude-haiku-5-5", "Claude Haiku 5.5"),
    ("claude-opus-5", "Claude Opus 5"),
    ("claude-sonnet-5", "Claude Sonnet 5"),
    ("claude-haiku-4-5", "Claude Haiku 4.5"),
    ("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5"),
];

/// Anthropic's error: `{"type": "error", "error": {"type", "message"}, "request_id"}`.
pub(crate) fn error(status: u16, message: &str) -> ErrorResponse {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 | 503 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    error_of_kind(status, kind, message)
}

fn error_of_kind(status: u16, kind: &str, message: &str) -> ErrorResponse {
    let request_id = format!("req_{}", random_base62(24));
    ErrorResponse::new(
        status,
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}),
    )
}

/// Verifies the key and the version and returns both.
fn authenticate(headers: &HeaderMap) -> HandlerResult<(KeyKind, &str)> {
    let Some(key) = header_text(headers, "x-api-key").or_else(|| bearer_token(headers)) else {
        return Err(error(401, "x-api-key header is required"));
    };
    let kind = KeyKind::of(key);
    if kind == KeyKind::Rejected {
        return Err(error(401, "invalid x-api-key"));
    }
    match header_text(headers, "anthropic-version") {
        None => Err(error(400, "anthropic-version: header is required")),
        Some(version) if VERSIONS.contains(&version) => Ok((kind, version)),
        Some(version) => Err(error(400, &format!("anthropic-version: \"{version}\" is not a valid version"))),
    }
}

/// `POST /v1/messages`.
pub(super) async fn messages(headers: HeaderMap, raw: Bytes) -> HandlerResult {
    let (key, version) = authenticate(&headers)?;
    let body: Map<String, Value> = serde_json::from_slice(&raw)
        .map_err(|_| error(400, "The request body is not valid JSON: expected an object"))?;
    let conversation = validate(&body, version)?;
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    if is_unknown_model(&model) {
        return Err(error(404, &format!("model: {model}")));
    }
    if key == KeyKind::OutOfCredit {
        return Err(error_of_kind(
            400,
            "billing_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
        ));
    }
    let tokens_max = body["max_tokens"].as_i64();
    let (text, is_thought) = match script::next_outcome(&conversation).await.within_limit(tokens_max) {
        Outcome::Reply(text) => (text, false),
        Outcome::Thinks(_) => (String::new(), true),
        Outcome::DailyLimit => {
            return Err(error(429, "This request would exceed your account's daily rate limit.")
                .retry_after(seconds_to_midnight(now_ms())));
        }
        Outcome::InternalError | Outcome::ProviderFailed => return Err(error(500, "Internal server error")),
        Outcome::Overloaded => return Err(error(529, "Overloaded")),
        Outcome::RateLimited => {
            return Err(error(
                429,
                "This request would exceed your account's rate limit. Please try again later.",
            )
            .retry_after(RATE_LIMIT_RETRY_AFTER_S));
        }
    };
    let (text, was_cut) = script::truncate(text, tokens_max);
    let stop_reason = if was_cut || is_thought { "max_tokens" } else { "end_turn" };
    let content = if is_thought { json!([]) } else { json!([{"type": "text", "text": text}]) };
    let usage = json!({"input_tokens": script::prompt_tokens(&conversation), "output_tokens": script::tokens(&text),
        "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0});
    let message = json!({
        "id": format!("msg_{}", random_base62(24)), "type": "message", "role": "assistant", "model": model,
        "content": content, "stop_reason": stop_reason, "stop_sequence": null, "usage": usage,
    });
    if body.get("stream") == Some(&json!(true)) {
        return Ok(sse::stream_response(stream_events(&message, &text)));
    }
    Ok(Json(message).into_response())
}

fn stream_events(message: &Value, text: &str) -> Vec<String> {
    let event =
        |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default());
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    start["usage"]["output_tokens"] = json!(1);
    let mut events = vec![
        event(json!({"type": "message_start", "message": start})),
        event(
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ),
        event(json!({"type": "ping"})),
    ];
    events.extend(script::chunks(text).into_iter().map(|piece| {
        event(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}))
    }));
    events.push(event(json!({"type": "content_block_stop", "index": 0})));
    events.push(event(json!({"type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": null},
        "usage": {"output_tokens": message["usage"]["output_tokens"]}})));
    events.push(event(json!({"type": "message_stop"})));
    events
}

/// Validates the body as strictly as Anthropic does, which reports the first problem only.
fn validate(body: &Map<String, Value>, version: &str) -> HandlerResult<Vec<Turn>> {
    let invalid = |message: String| Err(error(400, &message));
    for name in ["model", "max_tokens", "messages"] {
        if !body.contains_key(name) {
            return invalid(format!("{name}: Field required"));
        }
    }
    if let Some(name) = body.keys().find(|name| !KNOWN_FIELDS.contains(&name.as_str())) {
        return invalid(format!("{name}: Extra inputs are not permitted"));
    }
    let sampling = SAMPLING.iter().find(|name| body.contains_key(**name));
    if let Some(name) = sampling.filter(|_| version == VERSION_WITHOUT_SAMPLING) {
        return invalid(format!("{name}: not supported with anthropic-version {VERSION_WITHOUT_SAMPLING}"));
    }
    if body["model"].as_str().is_none_or(str::is_empty) {
        return invalid("model: Input should be a valid string".to_owned());
    }
    match body["max_tokens"].as_i64() {
        None => return invalid("max_tokens: Input should be a valid integer".to_owned()),
        Some(..1) => return invalid("max_tokens: Input should be greater than or equal to 1".to_owned()),
        Some(count) if count > MAX_TOKENS_MAX => {
            return invalid(format!(
                "max_tokens: {count} > {MAX_TOKENS_MAX}, which is the maximum allowed number of output tokens"
            ));
        }
        Some(_) => {}
    }
    if body.get("stream").is_some_and(|stream| !stream.is_boolean()) {
        return invalid("stream: Input should be a valid boolean".to_owned());
    }
    if let Some(system) = body.get("system") {
        parse_content(system).map_err(|problem| error(400, &format!("system: {problem}")))?;
    }
    parse_turns(&body["messages"])
}

fn parse_turns(messages: &Value) -> HandlerResult<Vec<Turn>> {
    let invalid = |message: String| Err(error(400, &message));
    let Some(messages) = messages.as_array() else {
        return invalid("messages: Input should be a valid array".to_owned());
    };
    if messages.is_empty() {
        return invalid("messages: at least one message is required".to_owned());
    }
    let mut turns: Vec<Turn> = Vec::with_capacity(messages.len());
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
        if turns.last().is_some_and(|before| before.role == role) {
            return invalid("messages: roles must alternate between \"user\" and \"assistant\", but found multiple in a row".to_owned());
        }
        let text = parse_content(&message["content"])
            .map_err(|problem| error(400, &format!("messages.{index}: {problem}")))?;
        turns.push(Turn { role, text });
    }
    Ok(turns)
}

/// Reads a text or a list of text blocks, which must not be empty.
fn parse_content(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let mut texts = Vec::with_capacity(blocks.len());
            for block in blocks {
                match (block["type"].as_str(), block["text"].as_str()) {
                    (Some("text"), Some(text)) if !text.is_empty() => texts.push(text),
                    (Some("text"), _) => return Err("text content blocks must be non-empty"),
                    _ => return Err("content: Input should be a block of type 'text'"),
                }
            }
            texts.join("\n")
        }
        _ => return Err("content: Input should be a valid string or list"),
    };
    if text.trim().is_empty() {
        Err("text content must be non-empty and contain non-whitespace text")
    } else {
        Ok(text)
    }
}

fn model_info(id: &str, name: &str) -> Value {
    json!({"type": "model", "id": id, "display_name": name, "created_at": "2026-01-01T00:00:00Z", "lifecycle": "active"})
}

/// `GET /v1/models?limit=&after_id=`.
pub(super) async fn models(headers: HeaderMap, RawQuery(query): RawQuery) -> HandlerResult {
    authenticate(&headers)?;
    let query = parse_pairs(query.unwrap_or_default().as_bytes());
    let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let limit = match asked("limit").map(str::parse::<usize>) {
        None => 20,
        Some(Ok(limit @ 1..=1000)) => limit,
        Some(_) => return Err(error(400, "limit: Input should be between 1 and 1000")),
    };
    let start = asked("after_id")
        .and_then(|id| MODELS.iter().position(|(known, _)| *known == id))
        .map_or(0, |at| at + 1);
    let data: Vec<Value> =
        MODELS.iter().skip(start).take(limit).map(|(id, name)| model_info(id, name)).collect();
    let ends = |model: Option<&Value>| model.map_or(Value::Null, |model| model["id"].clone());
    Ok(Json(json!({"data": data, "has_more": start + data.len() < MODELS.len(),
        "first_id": ends(data.first()), "last_id": ends(data.last())}))
    .into_response())
}

/// `GET /v1/models/{id}`.
pub(super) async fn model(headers: HeaderMap, Path(id): Path<String>) -> HandlerResult {
    authenticate(&headers)?;
    if is_unknown_model(&id) {
        return Err(error(404, &format!("model: {id}")));
    }
    let name = MODELS.iter().find(|(known, _)| *known == id).map_or(id.as_str(), |(_, name)| *name);
    Ok(Json(model_info(&id, name)).into_response())
}
