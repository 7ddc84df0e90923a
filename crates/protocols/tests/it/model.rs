//! The requests to each provider, and how its responses are read.

use reef_domain::wire::Provider;
use reef_protocols::model::{
    Answer, Model, ModelError, TokenBudget, Turn, Usage, chat_request, default_url, read_answer,
};
use reef_protocols::{HttpRequest, HttpResponse, Method};
use serde_json::{Value, json};

fn build_request(provider: Provider, model_id: &str) -> (HttpRequest, Value) {
    let model = Model { provider, provider_url: default_url(provider), id: model_id, api_key: "k3y" };
    let turns = [Turn::user("q1"), Turn::assistant("a1"), Turn::user("q2")];
    let request = chat_request(model, "be kind", &turns, &[], TokenBudget::default());
    assert_eq!(request.method, Method::Post);
    let body = serde_json::from_slice(&request.body).unwrap();
    (request, body)
}

fn read(provider: Provider, status: u16, body: &Value) -> Result<Answer, ModelError> {
    let body = body.to_string().into_bytes();
    read_answer(provider, &HttpResponse { status, retry_after_s: None, headers: Vec::new(), body }, 0)
}

fn ok_answer(text: &str, is_cut: bool) -> Result<Answer, ModelError> {
    Ok(Answer { text: text.into(), is_truncated: is_cut, usage: None })
}

#[test]
fn anthropic_request_has_its_format() {
    let (request, body) = build_request(Provider::Anthropic, "claude-opus-5");
    assert_eq!(request.url, "https://api.anthropic.com/v1/messages");
    assert!(request.headers.contains(&("x-api-key", "k3y".into())));
    assert!(request.headers.contains(&("anthropic-version", "2026-10-21".into())));
    let expected = json!({"model": "claude-opus-5", "max_tokens": 8192, "system": "be kind", "messages": [
        {"role": "user", "content": "q1"}, {"role": "assistant", "content": "a1"}, {"role": "user", "content": "q2"}]});
    assert_eq!(body, expected);
}

#[test]
fn openai_and_openrouter_requests_have_their_format() {
    let messages = json!([{"role": "system", "content": "be kind"}, {"role": "user", "content": "q1"},
        {"role": "assistant", "content": "a1"}, {"role": "user", "content": "q2"}]);
    let (request, body) = build_request(Provider::Openai, "gpt-5.5");
    assert_eq!(request.url, "https://api.openai.com/v1/chat/completions");
    assert!(request.headers.contains(&("authorization", "Bearer k3y".into())));
    assert_eq!(body, json!({"model": "gpt-5.5", "messages": messages, "max_completion_tokens": 8192}));

    let (request, body) = build_request(Provider::Openrouter, "openai/gpt-5.5");
    assert_eq!(request.url, "https://openrouter.ai/api/v1/chat/completions");
    assert!(request.headers.contains(&("authorization", "Bearer k3y".into())));
    assert_eq!(body, json!({"model": "openai/gpt-5.5", "messages": messages, "max_tokens": 8192}));
}

#[test]
fn google_request_has_its_format() {
    let (request, body) = build_request(Provider::Google, "models/gemini-3.5-flash");
    let path = "/v1beta/models/gemini-3.5-flash:generateContent";
    assert_eq!(request.url, format!("https://generativelanguage.googleapis.com{path}"));
    assert!(request.headers.contains(&("x-goog-api-key", "k3y".into())));
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "be kind"}]},
        "contents": [{"role": "user", "parts": [{"text": "q1"}]}, {"role": "model", "parts": [{"text": "a1"}]},
            {"role": "user", "parts": [{"text": "q2"}]}],
        "generationConfig": {"maxOutputTokens": 8192},
    });
    assert_eq!(body, expected);
    let (request, _) = build_request(Provider::Google, "x/../y?z");
    assert!(request.url.contains("/models/x%2F..%2Fy%3Fz:"), "an id cannot change the path: {}", request.url);
}

#[test]
fn answers_are_parsed() {
    let anthropic = json!({"id": "msg_1", "type": "message", "role": "assistant", "usage": {"output_tokens": 3},
        "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": " hi "}],
        "stop_reason": "end_turn"});
    let usage = Usage { output_tokens: 3, ..Usage::default() };
    let expected = Answer { text: "hi".into(), is_truncated: false, usage: Some(usage) };
    assert_eq!(read(Provider::Anthropic, 200, &anthropic), Ok(expected));
    let choice = |message: Value, finish: &str| json!({"choices": [{"index": 0, "message": message, "finish_reason": finish}]});
    for provider in [Provider::Openai, Provider::Openrouter] {
        let message = json!({"role": "assistant", "content": "hi", "refusal": null});
        assert_eq!(read(provider, 200, &choice(message.clone(), "stop")), ok_answer("hi", false));
        assert_eq!(read(provider, 200, &choice(message, "length")), ok_answer("hi", true));
        let refusal = json!({"role": "assistant", "content": null, "refusal": "I cannot"});
        assert_eq!(read(provider, 200, &choice(refusal, "stop")), Err(ModelError::Declined));
        let empty = json!({"role": "assistant", "content": ""});
        assert_eq!(read(provider, 200, &choice(empty.clone(), "length")), Err(ModelError::ThinkingOnly));
        assert_eq!(read(provider, 200, &choice(empty, "content_filter")), Err(ModelError::Declined));
        assert_eq!(read(provider, 200, &json!({"choices": []})), Err(ModelError::Unavailable));
    }
    let google = |parts: Value, finish: &str| json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish}]});
    let parts = json!([{"text": "hm", "thought": true}, {"text": "hi"}]);
    assert_eq!(read(Provider::Google, 200, &google(parts.clone(), "STOP")), ok_answer("hi", false));
    assert_eq!(read(Provider::Google, 200, &google(parts, "MAX_TOKENS")), ok_answer("hi", true));
    assert_eq!(read(Provider::Google, 200, &google(json!([]), "SAFETY")), Err(ModelError::Declined));
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}});
    assert_eq!(read(Provider::Google, 200, &blocked), Err(ModelError::Declined));
}

#[test]
fn endless_answer_is_truncated() {
    let body = json!({"content": [{"type": "text", "text": "é".repeat(100_000)}], "stop_reason": "end_turn"});
    let answer = read(Provider::Anthropic, 200, &body).unwrap();
    assert_eq!((answer.text.chars().count(), answer.is_truncated), (60_000, true));
}

#[test]
fn openai_errors_are_classified() {
    let error = |code: Value, kind: &str| json!({"error": {"message": "m", "type": kind, "param": null, "code": code}});
    for (status, body, reason) in [
        (401, error(json!("invalid_api_key"), "invalid_request_error"), ModelError::KeyRejected),
        (403, error(json!("model_not_found"), "invalid_request_error"), ModelError::ModelNotFound),
        (404, error(json!("model_not_found"), "invalid_request_error"), ModelError::ModelNotFound),
        (429, error(json!("insufficient_quota"), "insufficient_quota"), ModelError::OutOfCredit),
        (
            429,
            error(json!("rate_limit_exceeded"), "requests"),
            ModelError::RateLimited { retry_after_s: None },
        ),
        (400, error(json!("context_length_exceeded"), "invalid_request_error"), ModelError::ContextTooLong),
        (400, error(Value::Null, "invalid_request_error"), ModelError::UnexpectedResponse),
        (500, error(Value::Null, "server_error"), ModelError::Unavailable),
        (503, error(Value::Null, "server_error"), ModelError::Overloaded),
    ] {
        assert_eq!(read(Provider::Openai, status, &body), Err(reason), "{body}");
    }
}

#[test]
fn openrouter_errors_are_classified() {
    let error =
        |code: u16, metadata: Value| json!({"error": {"code": code, "message": "m", "metadata": metadata}});
    for (code, metadata, reason) in [
        (401, json!({"error_type": "authentication"}), ModelError::KeyRejected),
        (402, json!({"error_type": "payment_required"}), ModelError::OutOfCredit),
        (403, json!({"reasons": ["violence"]}), ModelError::Declined),
        (403, json!({"error_type": "permission_denied"}), ModelError::KeyRejected),
        (404, Value::Null, ModelError::ModelNotFound),
        (400, json!({"error_type": "context_length_exceeded"}), ModelError::ContextTooLong),
        (408, Value::Null, ModelError::Unavailable),
        (429, Value::Null, ModelError::RateLimited { retry_after_s: None }),
        (502, Value::Null, ModelError::Unavailable),
        (524, Value::Null, ModelError::Unavailable),
        (529, json!({"error_type": "provider_overloaded"}), ModelError::Overloaded),
    ] {
        let body = error(code, metadata);
        assert_eq!(read(Provider::Openrouter, code, &body), Err(reason), "{body}");
        assert_eq!(read(Provider::Openrouter, 200, &body), Err(reason), "within a success: {body}");
    }
    let choice = json!({"choices": [{"finish_reason": "error", "error": {"code": 429, "message": "m"}, "message": null}]});
    let limited = Err(ModelError::RateLimited { retry_after_s: None });
    assert_eq!(read(Provider::Openrouter, 200, &choice), limited);
    let unknown = json!({"error": {"code": 400, "message": "foo/bar is not a valid model ID"}});
    assert_eq!(read(Provider::Openrouter, 400, &unknown), Err(ModelError::ModelNotFound));
}

#[test]
fn google_errors_are_classified() {
    let error = |code: u16, status: &str, details: Value| json!({"error": {"code": code, "message": "m", "status": status, "details": details}});
    let bad_key = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
    let wait = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.2s"}]);
    for (code, status, details, reason) in [
        (400, "INVALID_ARGUMENT", bad_key, ModelError::KeyRejected),
        (400, "INVALID_ARGUMENT", Value::Null, ModelError::UnexpectedResponse),
        (403, "PERMISSION_DENIED", Value::Null, ModelError::KeyRejected),
        (404, "NOT_FOUND", Value::Null, ModelError::ModelNotFound),
        (429, "RESOURCE_EXHAUSTED", wait, ModelError::RateLimited { retry_after_s: Some(4) }),
        (503, "UNAVAILABLE", Value::Null, ModelError::Overloaded),
    ] {
        let body = error(code, status, details);
        assert_eq!(read(Provider::Google, code, &body), Err(reason), "{body}");
    }
    let html =
        HttpResponse { status: 502, retry_after_s: None, headers: Vec::new(), body: b"<html>".to_vec() };
    assert_eq!(read_answer(Provider::Google, &html, 0), Err(ModelError::Unavailable));
}
