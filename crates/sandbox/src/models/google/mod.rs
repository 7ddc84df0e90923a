//! Google's `/v1beta/models`, `:generateContent` and `:streamGenerateContent`.

mod contents;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery},
    http::HeaderMap,
    response::IntoResponse,
};
use serde_json::{Map, Value, json};

use super::{
    conversation::{Conversation, tokens, truncate},
    key_kind::{KeyKind, is_unknown_model},
    script::{self, Outcome, RATE_LIMIT_RETRY_AFTER_S},
    stream::{Pace, pieces, stream_response},
};
use crate::{
    clock::random_base62,
    web::{ErrorResponse, HandlerResult, header_text, parse_pairs},
};
use contents::validate;

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
    let body: Map<String, Value> = match verb {
        "generateContent" | "streamGenerateContent" | "countTokens" => serde_json::from_slice(&raw)
            .map_err(|_| error(400, "Invalid JSON payload received. Expected an object."))?,
        _ => return Err(error(404, "Not Found")),
    };
    if verb == "countTokens" {
        return count_tokens(&body, model);
    }
    let streams = verb == "streamGenerateContent";
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
    let outcome = script::next_outcome(&conversation).settle(limit, streams).await;
    let mut reply = Reply::new(model, conversation.prompt_tokens());
    match outcome {
        Outcome::Reply(text, pace) => {
            let (text, was_cut) = truncate(text, limit);
            reply = Reply { text, pace, finish: if was_cut { "MAX_TOKENS" } else { "STOP" }, ..reply };
        }
        Outcome::BreaksOff(text) => reply = Reply { text, breaks_off: true, ..reply },
        Outcome::Thinks(_) => reply.finish = "MAX_TOKENS",
        Outcome::ProviderFailed => reply.finish = "OTHER",
        Outcome::DailyLimit => return Err(daily_limit_error()),
        Outcome::InternalError => return Err(error(500, "An internal error has occurred. Please retry.")),
        Outcome::Overloaded => return Err(error(503, "The model is overloaded. Please try again later.")),
        Outcome::RateLimited => {
            return Err(error(429, "Resource has been exhausted (e.g. check quota).")
                .retry_after(RATE_LIMIT_RETRY_AFTER_S));
        }
    }
    if !streams {
        return Ok(Json(reply.render(&reply.text, true)).into_response());
    }
    let parts = reply.render_stream();
    if query.iter().any(|(name, value)| name == "alt" && value == "sse") {
        let events = parts.iter().map(|part| format!("data: {part}\r\n\r\n")).collect();
        return Ok(stream_response(Vec::new(), events, reply.pace));
    }
    Ok(Json(parts).into_response())
}

/// `POST /v1beta/models/{model}:countTokens`, whose request may be wrapped.
fn count_tokens(body: &Map<String, Value>, model: &str) -> HandlerResult {
    let wrapped = body.get("generateContentRequest").and_then(Value::as_object).map(|request| {
        let fields = request.iter().filter(|(name, _)| *name != "model");
        fields.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>()
    });
    let conversation: Conversation = validate(wrapped.as_ref().unwrap_or(body))?;
    if is_unknown_model(model) {
        return Err(model_not_found(model));
    }
    Ok(Json(json!({"totalTokens": conversation.prompt_tokens()})).into_response())
}

/// The reply of the model, before it is rendered.
struct Reply<'a> {
    model: &'a str,
    prompt_tokens: i64,
    response_id: String,
    text: String,
    finish: &'static str,
    pace: Pace,
    /// Whether an error follows in place of the end.
    breaks_off: bool,
}

impl<'a> Reply<'a> {
    fn new(model: &'a str, prompt_tokens: i64) -> Self {
        Self {
            model,
            prompt_tokens,
            response_id: random_base62(22),
            text: String::new(),
            finish: "STOP",
            pace: Pace::Normal,
            breaks_off: false,
        }
    }

    /// Renders a response with this text, which is the whole reply or a piece of it.
    fn render(&self, text: &str, is_last: bool) -> Value {
        let mut candidate = json!({"content": {"role": "model"}, "index": 0});
        if !text.is_empty() {
            candidate["content"]["parts"] = json!([{"text": text}]);
        }
        if is_last {
            candidate["finishReason"] = json!(self.finish);
        }
        let (prompt, said) = (self.prompt_tokens, tokens(&self.text));
        json!({"candidates": [candidate], "modelVersion": self.model, "responseId": self.response_id,
            "usageMetadata": {"promptTokenCount": prompt, "candidatesTokenCount": said, "totalTokenCount": prompt + said}})
    }

    /// Renders the pieces of the reply, the last of which says why it ends.
    fn render_stream(&self) -> Vec<Value> {
        let mut pieces = pieces(&self.text);
        if pieces.is_empty() {
            pieces.push(String::new());
        }
        let last = pieces.len() - 1;
        let mut parts: Vec<Value> = pieces
            .iter()
            .enumerate()
            .map(|(index, piece)| self.render(piece, index == last && !self.breaks_off))
            .collect();
        if self.breaks_off {
            parts.push(error(503, "The model is overloaded. Please try again later.").body);
        }
        parts
    }
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
