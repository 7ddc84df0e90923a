//! Responses with status 200 that have no answer, and answers that are not a plain string.

use reef_domain::wire::Provider;
use reef_protocols::HttpResponse;
use reef_protocols::model::{Answer, ModelError, read_answer};
use serde_json::{Value, json};

fn read(provider: Provider, body: &Value) -> Result<Answer, ModelError> {
    let body = body.to_string().into_bytes();
    read_answer(provider, &HttpResponse { status: 200, retry_after_s: None, headers: Vec::new(), body }, 0)
}

fn ok_answer(text: &str) -> Result<Answer, ModelError> {
    Ok(Answer { text: text.into(), is_truncated: false, usage: None })
}

fn choice(content: Value, finish: Value, native: Value) -> Value {
    json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": content},
        "finish_reason": finish, "native_finish_reason": native}]})
}

#[test]
fn openai_finish_reasons_are_classified() {
    let unavailable = Err(ModelError::Unavailable);
    for (body, expected) in [
        (choice(Value::Null, json!("stop"), json!("network_error")), unavailable.clone()),
        (choice(json!("  "), json!("stop"), json!("upstream_error")), unavailable.clone()),
        (choice(json!([]), json!("stop"), json!("MALFORMED_FUNCTION_CALL")), unavailable.clone()),
        (choice(json!(""), json!("stop"), json!("OTHER")), unavailable.clone()),
        (choice(json!(""), Value::Null, Value::Null), unavailable.clone()),
        (choice(json!(""), json!("error"), Value::Null), unavailable.clone()),
        (choice(json!("half a"), json!("error"), Value::Null), unavailable.clone()),
        (json!({"choices": []}), unavailable.clone()),
        (json!({"choices": null}), unavailable.clone()),
        (json!({}), unavailable),
        (choice(json!(""), json!("stop"), json!("SAFETY")), Err(ModelError::Declined)),
        (choice(json!(""), json!("content_filter"), Value::Null), Err(ModelError::Declined)),
        (choice(json!(""), json!("stop"), json!("MAX_TOKENS")), Err(ModelError::ThinkingOnly)),
        (choice(json!(""), json!("length"), Value::Null), Err(ModelError::ThinkingOnly)),
        (choice(json!(""), json!("stop"), json!("stop")), Err(ModelError::EmptyAnswer)),
        (choice(json!(""), json!("stop"), Value::Null), Err(ModelError::EmptyAnswer)),
        (
            choice(json!("all of it"), json!("stop"), json!("network_error")),
            Ok(Answer { text: "all of it".into(), is_truncated: true, usage: None }),
        ),
        (json!("not an object"), Err(ModelError::UnexpectedResponse)),
        (json!(["not", "an", "object"]), Err(ModelError::UnexpectedResponse)),
    ] {
        assert_eq!(read(Provider::Openrouter, &body), expected, "{body}");
    }
    let inside = json!({"choices": [{"error": {"code": 502, "message": "x"}, "finish_reason": "stop", "message": {"content": "x"}}]});
    assert_eq!(read(Provider::Openrouter, &inside), Err(ModelError::Unavailable));
    let as_word = json!({"error": {"code": "429", "message": "x"}});
    assert_eq!(read(Provider::Openrouter, &as_word), Err(ModelError::RateLimited { retry_after_s: None }));
    for (kind, expected) in [
        ("rate_limit_exceeded", ModelError::RateLimited { retry_after_s: None }),
        ("provider_overloaded", ModelError::Overloaded),
        ("provider_unavailable", ModelError::Unavailable),
        ("something_new", ModelError::UnexpectedResponse),
    ] {
        let without_status = json!({"error": {"message": "x", "metadata": {"error_type": kind}}});
        assert_eq!(read(Provider::Openrouter, &without_status), Err(expected), "{kind}");
    }
    let no_error = json!({"error": null, "choices": [{"error": null, "finish_reason": "stop", "message": {"content": "x"}}]});
    assert_eq!(read(Provider::Openrouter, &no_error), ok_answer("x"));
}

#[test]
fn content_parts_are_joined() {
    for (content, text) in [
        (json!([{"type": "text", "text": "hello"}]), "hello"),
        (json!([{"type": "text", "text": "hel"}, {"type": "output_text", "text": "lo"}]), "hello"),
        (
            json!([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "hello"}, {"type": "hologram"}, 5, null]),
            "hello",
        ),
        (json!(["hello"]), "hello"),
        (json!({"type": "text", "text": "hello"}), "hello"),
    ] {
        assert_eq!(
            read(Provider::Openai, &choice(content.clone(), json!("stop"), Value::Null)),
            ok_answer(text),
            "{content}"
        );
    }
    let nothing = choice(json!([{"type": "image_url", "image_url": {}}]), json!("stop"), Value::Null);
    assert_eq!(read(Provider::Openai, &nothing), Err(ModelError::EmptyAnswer));
    let string = json!({"content": "hello", "stop_reason": "end_turn"});
    assert_eq!(read(Provider::Anthropic, &string), ok_answer("hello"));
}

#[test]
fn refusal_is_found_in_every_place() {
    let field =
        json!({"choices": [{"finish_reason": "stop", "message": {"content": null, "refusal": "I can't"}}]});
    let part = choice(json!([{"type": "refusal", "refusal": "I can't"}]), json!("stop"), Value::Null);
    let cut =
        json!({"choices": [{"finish_reason": "length", "message": {"content": "", "refusal": "I ca"}}]});
    for body in [field, part, cut] {
        assert_eq!(read(Provider::Openai, &body), Err(ModelError::Declined), "{body}");
    }
    let blank =
        json!({"choices": [{"finish_reason": "stop", "message": {"content": "hello", "refusal": ""}}]});
    assert_eq!(read(Provider::Openai, &blank), ok_answer("hello"));
}

#[test]
fn google_finish_reasons_are_classified() {
    let google = |parts: Value, finish: Value| json!({"candidates": [{"content": {"parts": parts}, "finishReason": finish}]});
    for (body, expected) in [
        (google(json!([]), json!("OTHER")), Err(ModelError::Unavailable)),
        (google(json!([]), json!("MALFORMED_FUNCTION_CALL")), Err(ModelError::Unavailable)),
        (
            google(json!([{"text": "hm", "thought": true}]), json!("UNEXPECTED_TOOL_CALL")),
            Err(ModelError::Unavailable),
        ),
        (google(json!([]), Value::Null), Err(ModelError::Unavailable)),
        (json!({"candidates": []}), Err(ModelError::Unavailable)),
        (json!({"candidates": [], "usageMetadata": {}}), Err(ModelError::Unavailable)),
        (json!({}), Err(ModelError::Unavailable)),
        (json!({"candidates": [{"finishReason": "MAX_TOKENS"}]}), Err(ModelError::ThinkingOnly)),
        (json!({"candidates": [{"finishReason": "SAFETY"}]}), Err(ModelError::Declined)),
        (google(json!([]), json!("LANGUAGE")), Err(ModelError::Declined)),
        (google(json!([]), json!("STOP")), Err(ModelError::EmptyAnswer)),
        (google(json!([{"text": "hello"}]), json!("OTHER")), ok_answer("hello")),
        (
            google(json!([{"text": "hello"}, 5, {"text": 5}, {"inlineData": {}}]), json!("STOP")),
            ok_answer("hello"),
        ),
        (
            json!({"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}),
            Err(ModelError::Overloaded),
        ),
    ] {
        assert_eq!(read(Provider::Google, &body), expected, "{body}");
    }
}

#[test]
fn anthropic_stop_reasons_are_classified() {
    for (body, expected) in [
        (json!({"content": [], "stop_reason": "max_tokens"}), Err(ModelError::ThinkingOnly)),
        (json!({"content": [], "stop_reason": null}), Err(ModelError::Unavailable)),
        (json!({"content": []}), Err(ModelError::Unavailable)),
        (json!({"content": [], "stop_reason": "end_turn"}), Err(ModelError::EmptyAnswer)),
        (
            json!({"content": [5, {"type": "text"}, {"type": "text", "text": "hello"}], "stop_reason": "end_turn"}),
            ok_answer("hello"),
        ),
        (
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}),
            Err(ModelError::Overloaded),
        ),
    ] {
        assert_eq!(read(Provider::Anthropic, &body), expected, "{body}");
    }
}
