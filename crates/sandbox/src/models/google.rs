//! Google's `/v1beta/models`, `:generateContent` and `:streamGenerateContent`.

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
    script::{self, Outcome, RATE_LIMIT_RETRY_AFTER_S, Role, Turn},
    sse,
};
use crate::{
    clock::random_base62,
    web::{ErrorResponse, HandlerResult, header_text, parse_pairs},
};

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
const MODELS: [&str; 3] = ["gemini-3.5-flash", "gemini-3.5-pro", "gemini-2.5-flash"];

/// Google's error: `{"error": {"code", "message", "status"}}`.
pub(crate) fn error(status: u16, message: &str) -> ErrorResponse {
    let name = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    ErrorResponse::new(status, json!({"error": {"code": status, "message": message, "status": name}}))
}

/// Verifies the key, which is in a header or in the query parameter `key`.
fn authenticate(headers: &HeaderMap, query: &[(String, String)]) -> HandlerResult<KeyKind> {
    let in_query = query.iter().find(|(name, value)| name == "key" && !value.is_empty());
    let key = header_text(headers, "x-goog-api-key").or(in_query.map(|(_, value)| value.as_str()));
    let Some(key) = key else {
        return Err(error(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
        ));
    };
    let kind = KeyKind::of(key);
    if kind == KeyKind::Rejected {
        let mut refusal = error(400, "API key not valid. Please pass a valid API key.");
        refusal.body["error"]["details"] = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID", "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"}}]);
        return Err(refusal);
    }
    Ok(kind)
}

fn model_not_found(id: &str) -> ErrorResponse {
    error(
        404,
        &format!("models/{id} is not found for API version v1beta, or is not supported for generateContent."),
    )
}

fn daily_limit_error() -> ErrorResponse {
    let mut refusal =
        error(429, "You exceeded your current quota, please check your plan and billing details.");
    refusal.body["error"]["details"] = json!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
        {"quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
         "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "50"}]}]);
    refusal
}

/// `POST /v1beta/models/{model}:generateContent`, or `:streamGenerateContent?alt=sse`.
pub(super) async fn generate(
    headers: HeaderMap,
    Path(rest): Path<String>,
    RawQuery(query): RawQuery,
    raw: Bytes,
) -> HandlerResult {
    let query = parse_pairs(query.unwrap_or_default().as_bytes());
    let key = authenticate(&headers, &query)?;
    let (model, verb) = rest.rsplit_once(':').ok_or_else(|| error(404, "Not Found"))?;
    let streams = match verb {
        "generateContent" => false,
        "streamGenerateContent" => true,
        _ => return Err(error(404, "Not Found")),
    };
    let body: Map<String, Value> = serde_json::from_slice(&raw)
        .map_err(|_| error(400, "Invalid JSON payload received. Expected an object."))?;
    let conversation = validate(&body)?;
    if is_unknown_model(model) {
        return Err(model_not_found(model));
    }
    if key == KeyKind::OutOfCredit {
        return Err(error(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
        ));
    }
    let config = body.get("generationConfig").or_else(|| body.get("generation_config"));
    let limit = config.and_then(|config| {
        config.get("maxOutputTokens").or_else(|| config.get("max_output_tokens"))?.as_i64()
    });
    let (text, empty_reason) = match script::next_outcome(&conversation).await.within_limit(limit) {
        Outcome::Reply(text) => (text, None),
        Outcome::Thinks(_) => (String::new(), Some("MAX_TOKENS")),
        Outcome::ProviderFailed => (String::new(), Some("OTHER")),
        Outcome::DailyLimit => return Err(daily_limit_error()),
        Outcome::InternalError => return Err(error(500, "An internal error has occurred. Please retry.")),
        Outcome::Overloaded => return Err(error(503, "The model is overloaded. Please try again later.")),
        Outcome::RateLimited => {
            return Err(error(429, "Resource has been exhausted (e.g. check quota).")
                .retry_after(RATE_LIMIT_RETRY_AFTER_S));
        }
    };
    let (text, was_cut) = script::truncate(text, limit);
    let (prompt, said) = (script::prompt_tokens(&conversation), script::tokens(&text));
    let finish = empty_reason.unwrap_or(if was_cut { "MAX_TOKENS" } else { "STOP" });
    let response_id = random_base62(22);
    let render_response = |text: &str, finish: Option<&str>| {
        let mut candidate = json!({"content": {"role": "model"}, "index": 0});
        if !text.is_empty() {
            candidate["content"]["parts"] = json!([{"text": text}]);
        }
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        json!({"candidates": [candidate], "modelVersion": model, "responseId": response_id,
            "usageMetadata": {"promptTokenCount": prompt, "candidatesTokenCount": said, "totalTokenCount": prompt + said}})
    };
    if !streams {
        return Ok(Json(render_response(&text, Some(finish))).into_response());
    }
    let mut pieces = script::chunks(&text);
    if pieces.is_empty() {
        pieces.push(String::new());
    }
    let last = pieces.len().saturating_sub(1);
    let parts: Vec<Value> = pieces
        .iter()
        .enumerate()
        .map(|(index, piece)| render_response(piece, (index == last).then_some(finish)))
        .collect();
    if query.iter().any(|(name, value)| name == "alt" && value == "sse") {
        return Ok(sse::stream_response(parts.iter().map(|part| format!("data: {part}\r\n\r\n")).collect()));
    }
    Ok(Json(parts).into_response())
}

fn validate(body: &Map<String, Value>) -> HandlerResult<Vec<Turn>> {
    let invalid = |message: String| error(400, &message);
    if let Some(name) = body.keys().find(|name| !KNOWN_FIELDS.contains(&name.as_str())) {
        return Err(invalid(format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."
        )));
    }
    let contents = body.get("contents").and_then(Value::as_array).filter(|contents| !contents.is_empty());
    let Some(contents) = contents else {
        return Err(invalid("* GenerateContentRequest.contents: contents is not specified".to_owned()));
    };
    let mut turns = Vec::with_capacity(contents.len());
    for (index, content) in contents.iter().enumerate() {
        let role = match content.get("role").map(Value::as_str) {
            None | Some(Some("user")) => Role::User,
            Some(Some("model")) => Role::Assistant,
            Some(_) => return Err(invalid("Please use a valid role: user, model.".to_owned())),
        };
        let texts: Option<Vec<&str>> = content["parts"]
            .as_array()
            .and_then(|parts| parts.iter().map(|part| part["text"].as_str()).collect());
        let text = texts.map(|texts| texts.join("\n")).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| {
            invalid(format!(
                "* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty."
            ))
        })?;
        turns.push(Turn { role, text });
    }
    Ok(turns)
}

fn model_info(id: &str) -> Value {
    json!({"name": format!("models/{id}"), "version": "001", "displayName": id, "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536, "supportedGenerationMethods": ["generateContent", "countTokens"]})
}

/// `GET /v1beta/models?pageSize=&pageToken=`.
pub(super) async fn models(headers: HeaderMap, RawQuery(query): RawQuery) -> HandlerResult {
    let query = parse_pairs(query.unwrap_or_default().as_bytes());
    authenticate(&headers, &query)?;
    let number = |name: &str| {
        query.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let start = number("pageToken").unwrap_or(0);
    let size = number("pageSize").filter(|size| *size > 0).unwrap_or(50);
    let shown: Vec<Value> = MODELS.iter().skip(start).take(size).map(|id| model_info(id)).collect();
    let end = start + shown.len();
    let mut answer = json!({"models": shown});
    if end < MODELS.len() {
        answer["nextPageToken"] = json!(end.to_string());
    }
    Ok(Json(answer).into_response())
}

/// `GET /v1beta/models/{model}`.
pub(super) async fn model(
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    authenticate(&headers, &parse_pairs(query.unwrap_or_default().as_bytes()))?;
    if is_unknown_model(&id) {
        return Err(model_not_found(&id));
    }
    Ok(Json(model_info(&id)).into_response())
}
