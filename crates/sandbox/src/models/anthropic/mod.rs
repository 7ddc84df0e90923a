//! Anthropic's `/v1/messages` and `/v1/models`, in the versions 2023-06-01 and 2026-10-21.

mod content;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    conversation::{Conversation, tokens, truncate},
    key_kind::{KeyKind, is_unknown_model},
    script::{self, Outcome, RATE_LIMIT_RETRY_AFTER_S, seconds_to_midnight},
    stream::{Pace, pieces, stream_response},
};
use crate::{
    clock::{now_ms, random_base62},
    web::{ErrorResponse, HandlerResult, bearer_token, header_text, parse_pairs},
};
use content::{parse_system, parse_turns};

const VERSIONS: [&str; 3] = ["2023-01-01", "2023-06-01", "2026-10-21"];
/// This version rejects sampling parameters, and documents in messages of the assistant.
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
    let streams = body.get("stream") == Some(&json!(true));
    let outcome = script::next_outcome(&conversation).settle(tokens_max, streams).await;
    let mut reply =
        Reply { text: String::new(), stop_reason: "end_turn", pace: Pace::Normal, breaks_off: false };
    match outcome {
        Outcome::Reply(text, pace) => {
            let (text, was_cut) = truncate(text, tokens_max);
            reply =
                Reply { text, pace, stop_reason: if was_cut { "max_tokens" } else { "end_turn" }, ..reply };
        }
        Outcome::BreaksOff(text) => reply = Reply { text, breaks_off: true, ..reply },
        Outcome::Thinks(_) => reply.stop_reason = "max_tokens",
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
    }
    let content =
        if reply.text.is_empty() { json!([]) } else { json!([{"type": "text", "text": reply.text}]) };
    let usage = json!({"input_tokens": conversation.prompt_tokens(), "output_tokens": tokens(&reply.text),
        "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "service_tier": "standard"});
    let message = json!({
        "id": format!("msg_{}", random_base62(24)), "type": "message", "role": "assistant", "model": model,
        "content": content, "stop_reason": reply.stop_reason, "stop_sequence": null, "usage": usage,
    });
    if streams {
        return Ok(stream_reply(&message, &reply));
    }
    Ok(Json(message).into_response())
}

struct Reply {
    text: String,
    stop_reason: &'static str,
    pace: Pace,
    /// Whether an error follows in place of the end.
    breaks_off: bool,
}

fn stream_reply(message: &Value, reply: &Reply) -> Response {
    let event =
        |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default());
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    start["usage"]["output_tokens"] = json!(1);
    let head = vec![
        event(json!({"type": "message_start", "message": start})),
        event(
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ),
        event(json!({"type": "ping"})),
    ];
    let mut events: Vec<String> = pieces(&reply.text)
        .into_iter()
        .map(|piece| {
            event(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}))
        })
        .collect();
    if reply.breaks_off {
        events.push(event(error(529, "Overloaded").body));
    } else {
        // The last events come together with the last text, so they are one chunk.
        let end = [
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": reply.stop_reason, "stop_sequence": null},
                "usage": {"output_tokens": message["usage"]["output_tokens"]}}),
            json!({"type": "message_stop"}),
        ];
        events.push(end.map(event).concat());
    }
    stream_response(head, events, reply.pace)
}

/// `POST /v1/messages/count_tokens`.
pub(super) async fn count_tokens(headers: HeaderMap, raw: Bytes) -> HandlerResult {
    let (_, version) = authenticate(&headers)?;
    let mut body: Map<String, Value> = serde_json::from_slice(&raw)
        .map_err(|_| error(400, "The request body is not valid JSON: expected an object"))?;
    if body.insert("max_tokens".to_owned(), json!(1)).is_some() {
        return Err(error(400, "max_tokens: Extra inputs are not permitted"));
    }
    let conversation = validate(&body, version)?;
    let model = body["model"].as_str().unwrap_or_default();
    if is_unknown_model(model) {
        return Err(error(404, &format!("model: {model}")));
    }
    let system = if conversation.system.is_empty() { 0 } else { tokens(&conversation.system) };
    Ok(Json(json!({"input_tokens": conversation.prompt_tokens() + system})).into_response())
}

/// Validates the body as strictly as Anthropic does, which reports the first problem only.
fn validate(body: &Map<String, Value>, version: &str) -> HandlerResult<Conversation> {
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
    let system = body.get("system").map(parse_system).transpose()?.unwrap_or_default();
    Ok(Conversation { system, ..parse_turns(&body["messages"], version)? })
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
