//! OpenAI's `/v1/chat/completions` and `/v1/models`. OpenRouter shares the validation of chats.

pub(super) mod messages;
mod transcription;

use axum::{
    Json, Router,
    body::Bytes,
    extract::Path,
    http::HeaderMap,
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use super::{
    completion::{Completion, EmptyReason, respond, token_limit, usage},
    key_kind::{KeyKind, is_unknown_model},
    script::{self, Outcome, RATE_LIMIT_RETRY_AFTER_S, seconds_to_midnight},
    stream::Pace,
};
use crate::{
    World,
    clock::now_ms,
    web::{ErrorResponse, HandlerResult, bearer_token},
};
use messages::parse_turns;

const KNOWN_FIELDS: [&str; 31] = [
    "model",
    "messages",
    "max_completion_tokens",
    "max_tokens",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "n",
    "stop",
    "user",
    "metadata",
    "store",
    "seed",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "verbosity",
    "service_tier",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "presence_penalty",
    "frequency_penalty",
    "modalities",
    "prediction",
    "safety_identifier",
    "prompt_cache_key",
    "web_search_options",
];
const MODELS: [&str; 6] = ["gpt-5.5", "gpt-6-astra", "gpt-5", "gpt-5-mini", "gpt-4o", "gpt-4o-mini"];

/// Families of models that exist without being listed.
const FAMILIES: [&str; 11] =
    ["gpt-3.5-", "gpt-4", "gpt-5", "gpt-6", "gpt-7", "gpt-audio", "chatgpt-", "ft:", "o1", "o3", "o4"];

/// Whether OpenAI has this model.
fn has_model(id: &str) -> bool {
    !is_unknown_model(id) && FAMILIES.iter().any(|family| id.starts_with(family))
}

/// Returns the routes under a base path.
pub(super) fn routes(base: &str) -> Router<World> {
    Router::new()
        .route(&format!("{base}/chat/completions"), post(chat))
        .route(&format!("{base}/audio/transcriptions"), post(transcription::transcribe))
        .route(&format!("{base}/models"), get(models))
        .route(&format!("{base}/models/{{*id}}"), get(model))
}

/// OpenAI's error: `{"error": {"message", "type", "param", "code"}}`.
pub(crate) fn error(status: u16, message: &str) -> ErrorResponse {
    let (kind, code) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    };
    error_with_code(status, kind, message, None, code)
}

fn error_with_code(
    status: u16,
    kind: &str,
    message: &str,
    param: Option<&str>,
    code: Option<&str>,
) -> ErrorResponse {
    ErrorResponse::new(
        status,
        json!({"error": {"message": message, "type": kind, "param": param, "code": code}}),
    )
}

fn invalid_parameter(param: &str, message: &str, code: &str) -> ErrorResponse {
    error_with_code(400, "invalid_request_error", message, Some(param), Some(code))
}

fn authenticate(headers: &HeaderMap) -> HandlerResult<KeyKind> {
    let Some(key) = bearer_token(headers) else {
        return Err(error_with_code(
            401,
            "invalid_request_error",
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            None,
            None,
        ));
    };
    match KeyKind::of(key) {
        KeyKind::Rejected => Err(error(
            401,
            "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
        )),
        kind => Ok(kind),
    }
}

fn model_not_found(id: &str) -> ErrorResponse {
    error_with_code(
        404,
        "invalid_request_error",
        &format!("The model `{id}` does not exist or you do not have access to it."),
        None,
        Some("model_not_found"),
    )
}

/// `POST /v1/chat/completions`.
async fn chat(headers: HeaderMap, raw: Bytes) -> HandlerResult {
    let key = authenticate(&headers)?;
    let body: Map<String, Value> = serde_json::from_slice(&raw)
        .map_err(|_| error(400, "We could not parse the JSON body of your request."))?;
    if let Some(name) = body.keys().find(|name| !KNOWN_FIELDS.contains(&name.as_str())) {
        return Err(invalid_parameter(name, &format!("Unknown parameter: '{name}'."), "unknown_parameter"));
    }
    let conversation = parse_turns(&body)?;
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    if !has_model(&model) {
        return Err(model_not_found(&model));
    }
    validate_reasoning(&model, &body)?;
    if key == KeyKind::OutOfCredit {
        return Err(error_with_code(
            429,
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
            None,
            Some("insufficient_quota"),
        ));
    }
    let streams = body.get("stream") == Some(&json!(true));
    let outcome = script::next_outcome(&conversation).settle(token_limit(&body), streams).await;
    let (mut pace, mut failure, mut empty_reason) = (Pace::Normal, None, None);
    let text = match outcome {
        Outcome::Reply(text, asked) => {
            pace = asked;
            text
        }
        Outcome::BreaksOff(text) => {
            let message = "The server had an error while processing your request. Sorry about that!";
            failure = Some(error(500, message).body);
            text
        }
        Outcome::Thinks(_) => {
            empty_reason = Some(EmptyReason::ThinkingOnly);
            String::new()
        }
        Outcome::DailyLimit => {
            let hours = seconds_to_midnight(now_ms()) / 3600;
            return Err(error(
                429,
                &format!(
                    "Rate limit reached for {model} on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in {hours}h59m59s."
                ),
            ));
        }
        Outcome::InternalError | Outcome::ProviderFailed => {
            return Err(error(
                500,
                "The server had an error while processing your request. Sorry about that!",
            ));
        }
        Outcome::Overloaded => {
            return Err(error(503, "The engine is currently overloaded, please try again later"));
        }
        Outcome::RateLimited => {
            return Err(error(429, "Rate limit reached for requests. Please try again later.")
                .retry_after(RATE_LIMIT_RETRY_AFTER_S));
        }
    };
    let usage = usage(&conversation, &text);
    Ok(respond(&body, Completion { model, text, empty_reason, usage, pace, failure, comment: None }))
}

/// Reasoning models reject `max_tokens` and sampling parameters.
fn validate_reasoning(model: &str, body: &Map<String, Value>) -> HandlerResult<()> {
    if !["gpt-5", "gpt-6", "o1", "o3", "o4"].iter().any(|family| model.starts_with(family)) {
        return Ok(());
    }
    if body.contains_key("max_tokens") {
        return Err(invalid_parameter(
            "max_tokens",
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "unsupported_parameter",
        ));
    }
    for name in ["temperature", "top_p"] {
        if body.get(name).is_some_and(|value| value.as_f64() != Some(1.0)) {
            let message = format!(
                "Unsupported value: '{name}' does not support this value with this model. Only the default (1) value is supported."
            );
            return Err(invalid_parameter(name, &message, "unsupported_value"));
        }
    }
    Ok(())
}

fn model_info(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 1_767_225_600, "owned_by": "openai"})
}

/// `GET /v1/models`.
async fn models(headers: HeaderMap) -> HandlerResult {
    authenticate(&headers)?;
    let data: Vec<Value> = MODELS.iter().map(|id| model_info(id)).collect();
    Ok(Json(json!({"object": "list", "data": data})).into_response())
}

/// `GET /v1/models/{id}`.
async fn model(headers: HeaderMap, Path(id): Path<String>) -> HandlerResult {
    authenticate(&headers)?;
    if !has_model(&id) {
        return Err(model_not_found(&id));
    }
    Ok(Json(model_info(&id)).into_response())
}
