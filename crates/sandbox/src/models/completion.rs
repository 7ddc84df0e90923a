//! Chat completions in OpenAI's format, which OpenRouter shares, whole or as a stream.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    conversation::{Conversation, tokens, truncate},
    stream::{Pace, pieces, stream_response},
};
use crate::clock::{now_ms, random_base62};

/// Why a successful response has no text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EmptyReason {
    /// The token limit was spent on thinking.
    ThinkingOnly,
    /// OpenRouter's provider failed, which only `native_finish_reason` reveals.
    ProviderFailed,
}

/// Returns the token limit of a request.
pub(super) fn token_limit(body: &Map<String, Value>) -> Option<i64> {
    ["max_completion_tokens", "max_tokens"].iter().find_map(|name| body.get(*name)?.as_i64())
}

/// The reply of the model, before it is rendered.
pub(super) struct Completion {
    pub model: String,
    pub text: String,
    pub empty_reason: Option<EmptyReason>,
    pub usage: Value,
    pub pace: Pace,
    /// The error event that follows the text in place of the end, if the vendor fails then.
    pub failure: Option<Value>,
    /// An SSE comment at the beginning of a stream, which clients must skip. Only OpenRouter sends one.
    pub comment: Option<&'static str>,
}

pub(super) fn usage(conversation: &Conversation, text: &str) -> Value {
    let (prompt, completion) = (conversation.prompt_tokens(), tokens(text));
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}})
}

/// Renders a completion, whole or as a stream.
pub(super) fn respond(body: &Map<String, Value>, completion: Completion) -> Response {
    let (text, was_cut) = truncate(completion.text, token_limit(body));
    let is_cut = was_cut || completion.empty_reason == Some(EmptyReason::ThinkingOnly);
    let finish_reason = if is_cut { "length" } else { "stop" };
    let (id, created) = (format!("chatcmpl-{}", random_base62(24)), now_ms() / 1000);
    if body.get("stream") != Some(&json!(true)) {
        let content = if completion.empty_reason == Some(EmptyReason::ThinkingOnly) {
            Value::Null
        } else {
            json!(text)
        };
        let mut whole = json!({
            "id": id, "object": "chat.completion", "created": created, "model": completion.model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": content, "refusal": null},
                "logprobs": null, "finish_reason": finish_reason}],
            "usage": completion.usage, "system_fingerprint": null, "service_tier": null,
        });
        if completion.comment.is_some() {
            let is_broken = completion.empty_reason == Some(EmptyReason::ProviderFailed);
            whole["choices"][0]["native_finish_reason"] =
                json!(if is_broken { "network_error" } else { finish_reason });
        }
        return Json(whole).into_response();
    }
    let is_openrouter = completion.comment.is_some();
    let event = |choices: Value, usage: &Value| {
        let mut chunk = json!({"id": id, "object": "chat.completion.chunk", "created": created, "model": completion.model,
            "choices": choices, "usage": usage});
        // OpenRouter leaves the field out where OpenAI has null.
        if is_openrouter
            && usage.is_null()
            && let Some(fields) = chunk.as_object_mut()
        {
            fields.remove("usage");
        }
        format!("data: {chunk}\n\n")
    };
    let delta =
        |delta: Value, finish: Option<&str>| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
    let mut head: Vec<String> =
        completion.comment.map(|comment| format!(": {comment}\n\n")).into_iter().collect();
    head.push(event(delta(json!({"role": "assistant", "content": ""}), None), &Value::Null));
    let mut events: Vec<String> = pieces(&text)
        .into_iter()
        .map(|piece| event(delta(json!({"content": piece}), None), &Value::Null))
        .collect();
    if let Some(failure) = completion.failure {
        events.push(format!("data: {failure}\n\n"));
        return stream_response(head, events, completion.pace);
    }
    // The last events come together with the last text, so they are one chunk.
    let mut last = delta(json!({}), Some(finish_reason));
    if completion.comment.is_some() {
        let is_broken = completion.empty_reason == Some(EmptyReason::ProviderFailed);
        last[0]["native_finish_reason"] = json!(if is_broken { "network_error" } else { finish_reason });
    }
    let mut end = event(last, &Value::Null);
    let wants_usage = body.get("stream_options").is_some_and(|options| options["include_usage"] == true);
    if wants_usage || is_openrouter {
        end += &event(json!([]), &completion.usage);
    }
    end += "data: [DONE]\n\n";
    events.push(end);
    stream_response(head, events, completion.pace)
}
