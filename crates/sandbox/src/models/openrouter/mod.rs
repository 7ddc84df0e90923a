//! OpenRouter's chat with its own errors and counted costs, and `/models`, `/key` and `/credits`.

mod caller;
mod key_records;
mod keys;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::HeaderMap,
    response::IntoResponse,
    routing::{any, get, post},
};
use serde_json::{Map, Value, json};

use super::{
    completion::{self, Completion, EmptyReason},
    conversation::Conversation,
    key_kind::{KeyKind, is_unknown_model},
    openai::messages,
    script::{self, Outcome, RATE_LIMIT_RETRY_AFTER_S, seconds_to_midnight},
    stream::Pace,
};
use crate::{
    World,
    clock::now_ms,
    web::{ErrorResponse, HandlerResult, parse_pairs},
};
use caller::{Caller, authorize_management, get_caller};
use key_records::Key;

/// USD per token of the prompt.
const PROMPT_USD: f64 = 0.000_003;
/// USD per token of the completion.
const COMPLETION_USD: f64 = 0.000_015;
/// The credit that the sandbox's only account has bought.
const ACCOUNT_CREDITS_USD: f64 = 10_000.0;
const MODELS: [(&str, &str); 17] = [
    ("openrouter/auto", "Auto Router"),
    ("anthropic/claude-sonnet-5.5", "Anthropic: Claude Sonnet 5.5"),
    ("anthropic/claude-opus-5.5", "Anthropic: Claude Opus 5.5"),
    ("anthropic/claude-haiku-5.5", "Anthropic: Claude Haiku 5.5"),
    ("anthropic/claude-opus-5", "Anthropic: Claude Opus 5"),
    ("anthropic/claude-sonnet-5", "Anthropic: Claude Sonnet 5"),
    ("anthropic/claude-sonnet-4.5", "Anthropic: Claude Sonnet 4.5"),
    ("anthropic/claude-haiku-4.5", "Anthropic: Claude Haiku 4.5"),
    ("openai/gpt-5.5", "OpenAI: GPT-5.5"),
    ("openai/gpt-6-astra", "OpenAI: GPT-6 Astra"),
    ("openai/gpt-5", "OpenAI: GPT-5"),
    ("openai/gpt-5-mini", "OpenAI: GPT-5 Mini"),
    ("openai/gpt-4o", "OpenAI: GPT-4o"),
    ("openai/gpt-4o-mini", "OpenAI: GPT-4o-mini"),
    ("google/gemini-3.5-flash", "Google: Gemini 3.5 Flash"),
    ("google/gemini-3.5-pro", "Google: Gemini 3.5 Pro"),
    ("google/gemini-2.5-flash", "Google: Gemini 2.5 Flash"),
];

pub(super) fn routes() -> Router<World> {
    routes_at("/sandbox/openrouter/api/v1")
        // A base URL without the version works too.
        .merge(routes_at("/sandbox/openrouter"))
        .route("/sandbox/openrouter/{*rest}", any(|| async { error(404, "Not Found") }))
}

fn routes_at(base: &str) -> Router<World> {
    Router::new()
        .route(&format!("{base}/chat/completions"), post(chat))
        .route(&format!("{base}/models"), get(models))
        .route(&format!("{base}/models/{{author}}/{{slug}}/endpoints"), get(endpoints))
        .route(&format!("{base}/key"), get(key))
        .route(&format!("{base}/credits"), get(credits))
        .route(&format!("{base}/keys"), get(keys::list).post(keys::create))
        .route(&format!("{base}/keys/{{hash}}"), get(keys::get).patch(keys::update).delete(keys::delete))
}

/// OpenRouter's error: `{"error": {"code", "message", "metadata": {"error_type"}}}`.
pub(crate) fn error(status: u16, message: &str) -> ErrorResponse {
    let kind = match status {
        401 => "authentication",
        402 => "payment_required",
        403 => "permission_denied",
        404 => "not_found",
        429 => "rate_limit_exceeded",
        503 | 529 => "provider_overloaded",
        500.. => "provider_unavailable",
        _ => "invalid_request",
    };
    ErrorResponse::new(
        status,
        json!({"error": {"code": status, "message": message, "metadata": {"error_type": kind}}}),
    )
}

/// `POST /chat/completions`.
async fn chat(State(world): State<World>, headers: HeaderMap, raw: Bytes) -> HandlerResult {
    let caller = get_caller(&world, &headers).await?;
    let body: Map<String, Value> =
        serde_json::from_slice(&raw).map_err(|_| error(400, "The request body is not valid JSON"))?;
    let conversation = messages::parse_turns(&body).map_err(|refusal| {
        error(refusal.status, refusal.body["error"]["message"].as_str().unwrap_or("Invalid request"))
    })?;
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    if is_unknown_model(&model) {
        return Err(error(400, &format!("{model} is not a valid model ID")));
    }
    match &caller {
        Caller::Management => return Err(error(403, "Management keys cannot be used to call completions")),
        Caller::External(KeyKind::OutOfCredit) => return Err(credit_error("openrouter_credits")),
        Caller::Created(key) => check_credit(key, &conversation, completion::token_limit(&body))?,
        Caller::External(_) => {}
    }
    let streams = body.get("stream") == Some(&json!(true));
    let outcome = script::next_outcome(&conversation).settle(completion::token_limit(&body), streams).await;
    let (mut pace, mut failure, mut empty_reason) = (Pace::Normal, None, None);
    let text = match outcome {
        Outcome::Reply(text, asked) => {
            pace = asked;
            text
        }
        Outcome::BreaksOff(text) => {
            failure = Some(
                json!({"id": "gen-broken", "object": "chat.completion.chunk", "created": now_ms() / 1000,
                "model": model, "provider": "Sandbox",
                "error": {"code": 502, "message": "Provider disconnected unexpectedly",
                    "metadata": {"error_type": "provider_unavailable"}},
                "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}),
            );
            text
        }
        Outcome::Thinks(_) => {
            empty_reason = Some(EmptyReason::ThinkingOnly);
            String::new()
        }
        Outcome::ProviderFailed => {
            empty_reason = Some(EmptyReason::ProviderFailed);
            String::new()
        }
        Outcome::DailyLimit => return Err(daily_limit_error()),
        Outcome::InternalError => return Err(error(500, "Internal Server Error")),
        Outcome::Overloaded => return Err(error(503, "Provider is overloaded, please try again later")),
        Outcome::RateLimited => {
            return Err(error(429, "Rate limit exceeded").retry_after(RATE_LIMIT_RETRY_AFTER_S));
        }
    };
    let mut usage = completion::usage(&conversation, &text);
    let cost = usage["prompt_tokens"].as_f64().unwrap_or(0.0) * PROMPT_USD
        + usage["completion_tokens"].as_f64().unwrap_or(0.0) * COMPLETION_USD;
    usage["cost"] = json!(cost);
    usage["is_byok"] = json!(false);
    usage["cost_details"] = json!({"upstream_inference_cost": null, "upstream_inference_prompt_cost": 0,
        "upstream_inference_completions_cost": 0});
    if let Caller::Created(key) = &caller {
        key_records::record_usage(&world, &key.hash, cost).await?;
    }
    Ok(completion::respond(
        &body,
        Completion {
            model,
            text,
            empty_reason,
            usage,
            pace,
            failure,
            comment: Some("OPENROUTER PROCESSING"),
        },
    ))
}

/// Checks that a key's limit covers the request with the longest completion that it allows. If the request has no token
/// limit, OpenRouter assumes the model's maximum; here any remaining credit is enough.
fn check_credit(key: &Key, conversation: &Conversation, tokens_max: Option<i64>) -> HandlerResult<()> {
    let Some(left) = key.limit_remaining() else { return Ok(()) };
    if left <= 0.0 {
        return Err(credit_error("openrouter_key_limit"));
    }
    let prompt_usd = conversation.prompt_tokens() as f64 * PROMPT_USD;
    let affordable = ((left - prompt_usd).max(0.0) / COMPLETION_USD).floor() as i64;
    match tokens_max {
        Some(asked) if asked > affordable => {
            let mut refusal = credit_error("openrouter_key_limit");
            refusal.body["error"]["message"] = json!(format!(
                "This request requires more credits, or fewer max_tokens. You requested up to {asked} tokens, but can only \
                 afford {affordable}. To increase, visit https://openrouter.ai/settings/keys and create a key with a higher \
                 total limit"
            ));
            Err(refusal)
        }
        _ => Ok(()),
    }
}

fn daily_limit_error() -> ErrorResponse {
    let mut refusal = error(
        429,
        "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
    );
    let now = now_ms();
    let reset_ms = now - now.rem_euclid(1000) + i64::from(seconds_to_midnight(now)) * 1000;
    refusal.body["error"]["metadata"]["headers"] = json!({"X-RateLimit-Limit": "50",
        "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset_ms.to_string()});
    refusal
}

fn credit_error(source: &str) -> ErrorResponse {
    let mut refusal = error(
        402,
        "This request requires more credits, or fewer max_tokens. To increase, visit https://openrouter.ai/settings/credits",
    );
    refusal.body["error"]["metadata"]["limit_source"] = json!(source);
    refusal
}

fn model_info(id: &str) -> Value {
    let name = MODELS.iter().find(|(known, _)| *known == id).map_or(id, |(_, name)| *name);
    json!({
        "id": id, "canonical_slug": id, "name": name, "created": 1_767_225_600, "description": "The scripted model",
        "context_length": 200_000,
        "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"], "tokenizer": "Other",
            "modality": "text+image+file->text", "instruct_type": null},
        "pricing": {"prompt": PROMPT_USD.to_string(), "completion": COMPLETION_USD.to_string()},
        "top_provider": {"context_length": 200_000, "max_completion_tokens": 64_000, "is_moderated": false},
        "supported_parameters": ["max_tokens", "temperature", "tools"], "supported_voices": null, "default_parameters": null,
        "per_request_limits": null, "links": {"details": format!("/api/v1/models/{id}/endpoints")},
    })
}

/// `GET /models?limit=&offset=`: needs no key, and lists all models without parameters.
async fn models(RawQuery(query): RawQuery) -> HandlerResult {
    let query = parse_pairs(query.unwrap_or_default().as_bytes());
    let number = |name: &str, default: usize| {
        let given = query.iter().find(|(key, _)| key == name);
        given.map_or(Ok(default), |(_, value)| value.parse::<usize>())
    };
    let (Ok(limit @ 1..=1000), Ok(offset)) = (number("limit", 1000), number("offset", 0)) else {
        return Err(error(400, "limit is 1 to 1000, offset at least 0"));
    };
    let data: Vec<Value> = MODELS.iter().skip(offset).take(limit).map(|(id, _)| model_info(id)).collect();
    let is_last = offset.saturating_add(limit) >= MODELS.len();
    let next = format!("/api/v1/models?limit={limit}&offset={}", offset.saturating_add(limit));
    let links = json!({"next": if is_last { Value::Null } else { json!(next) }});
    Ok(Json(json!({"data": data, "total_count": MODELS.len(), "links": links})).into_response())
}

/// `GET /models/{author}/{slug}/endpoints`: needs no key, like the list.
async fn endpoints(
    axum::extract::Path((author, slug)): axum::extract::Path<(String, String)>,
) -> HandlerResult {
    let id = format!("{author}/{slug}");
    if is_unknown_model(&id) {
        return Err(error(404, "Model not found"));
    }
    let mut data = model_info(&id);
    data["endpoints"] = json!([{"name": "Sandbox", "provider_name": "Sandbox", "context_length": 200_000}]);
    Ok(Json(json!({"data": data})).into_response())
}

/// `GET /key`: the limits of the caller's key.
async fn key(State(world): State<World>, headers: HeaderMap) -> HandlerResult {
    let data = match get_caller(&world, &headers).await? {
        Caller::Created(key) => {
            let mut data = key.to_json();
            data["is_free_tier"] = json!(false);
            data["is_management_key"] = json!(false);
            data
        }
        other => json!({
            "label": "sk-or-v1-***", "limit": null, "limit_remaining": null, "limit_reset": null, "usage": 0,
            "usage_daily": 0, "usage_weekly": 0, "usage_monthly": 0, "is_free_tier": false,
            "is_management_key": matches!(other, Caller::Management), "expires_at": null,
        }),
    };
    Ok(Json(json!({"data": data})).into_response())
}

/// `GET /credits`.
async fn credits(State(world): State<World>, headers: HeaderMap) -> HandlerResult {
    authorize_management(&world, &headers).await?;
    let used: f64 = sqlx::query_scalar("select coalesce(sum(usd), 0.0) from openrouter_usage")
        .fetch_one(&world.db)
        .await?;
    Ok(Json(json!({"data": {"total_credits": ACCOUNT_CREDITS_USD, "total_usage": used}})).into_response())
}
