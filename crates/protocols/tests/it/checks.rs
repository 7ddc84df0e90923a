//! The checks of keys and models before a deployment.

use reef_domain::wire::Provider::{Anthropic, Google, Openai, Openrouter};
use reef_protocols::model::{
    ModelError, key_check_request, model_check_request, read_key_check, read_model_check,
};
use reef_protocols::{HttpResponse, Method};
use serde_json::{Value, json};

fn response(status: u16, body: &Value) -> HttpResponse {
    HttpResponse { status, retry_after_s: None, headers: Vec::new(), body: body.to_string().into_bytes() }
}

#[test]
fn check_requests_only_read_lists() {
    for (provider, key_path, model_path, header) in [
        (Anthropic, "/v1/models?limit=1", "/v1/models/m%2F1", "x-api-key"),
        (Openai, "/models", "/models/m%2F1", "authorization"),
        (Google, "/v1beta/models?pageSize=1", "/v1beta/models/m%2F1", "x-goog-api-key"),
        (Openrouter, "/key", "/models", "authorization"),
    ] {
        let key = key_check_request(provider, "https://v.test", "k3y");
        let model = model_check_request(provider, "https://v.test", "k3y", "m/1");
        assert_eq!(key.url, format!("https://v.test{key_path}"));
        assert_eq!(model.url, format!("https://v.test{model_path}"));
        for request in [key, model] {
            assert_eq!(request.method, Method::Get);
            assert!(request.headers.iter().any(|(name, value)| *name == header && value.ends_with("k3y")));
        }
    }
}

#[test]
fn key_check_accepts_valid_keys_only() {
    let error = |kind: &str, message: &str| json!({"error": {"type": kind, "message": message}});
    let scopes = "You have insufficient permissions for this operation. Missing scopes: api.model.read.";
    let no_chat = "You have insufficient permissions for this operation. Missing scopes: model.request.";
    let google = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}});
    let key = |management: bool| {
        let data = json!({"label": "x", "is_management_key": management, "is_provisioning_key": management});
        json!({"data": data})
    };
    let rejected = Err(ModelError::KeyRejected);
    for (provider, status, body, expected) in [
        (Anthropic, 200, json!({"data": [], "has_more": false}), Ok(())),
        (Anthropic, 401, error("authentication_error", "invalid x-api-key"), rejected),
        (Anthropic, 403, error("permission_error", "no"), rejected),
        (Openai, 200, json!({"object": "list", "data": []}), Ok(())),
        (Openai, 401, error("invalid_request_error", "Incorrect API key provided"), rejected),
        (Openai, 401, error("invalid_request_error", scopes), Ok(())),
        (Openai, 401, error("invalid_request_error", no_chat), rejected),
        (Google, 200, json!({"models": []}), Ok(())),
        (Google, 400, google, rejected),
        (Google, 403, json!({"error": {"code": 403, "status": "PERMISSION_DENIED"}}), rejected),
        (Openrouter, 200, key(false), Ok(())),
        (Openrouter, 200, key(true), rejected),
        (Openrouter, 401, json!({"error": {"code": 401, "message": "No auth"}}), rejected),
        (Anthropic, 529, error("overloaded_error", "x"), Err(ModelError::Overloaded)),
        (Anthropic, 404, Value::Null, Err(ModelError::Unavailable)),
    ] {
        assert_eq!(read_key_check(provider, &response(status, &body)), expected, "{provider:?} {body}");
    }
    let page =
        HttpResponse { status: 200, retry_after_s: None, headers: Vec::new(), body: b"<html>".to_vec() };
    assert_eq!(read_key_check(Openai, &page), Err(ModelError::UnexpectedResponse));
}

#[test]
fn model_check_finds_chat_models_only() {
    let missing = Err(ModelError::ModelNotFound);
    let listed = json!({"data": [{"id": "anthropic/claude-sonnet-5", "canonical_slug": "anthropic/claude-5-sonnet"},
        {"id": "openrouter/auto"}]});
    for (provider, id, status, body, expected) in [
        (Anthropic, "claude-opus-5", 200, json!({"id": "claude-opus-5", "type": "model"}), Ok(())),
        (Anthropic, "x", 404, json!({"error": {"type": "not_found_error"}}), missing),
        (Openai, "gpt-5.5", 200, json!({"id": "gpt-5.5"}), Ok(())),
        (Openai, "x", 404, json!({"error": {"code": "model_not_found"}}), missing),
        (Openai, "x", 401, json!({"error": {"message": "Missing scopes: api.model.read"}}), Ok(())),
        (Google, "g", 200, json!({"supportedGenerationMethods": ["generateContent"]}), Ok(())),
        (Google, "g", 200, json!({"supportedGenerationMethods": ["embedContent"]}), missing),
        (Google, "g", 404, json!({"error": {"code": 404, "status": "NOT_FOUND"}}), missing),
        (Google, "g g", 400, json!({"error": {"code": 400, "status": "INVALID_ARGUMENT"}}), missing),
        (Openrouter, "openrouter/auto", 200, listed.clone(), Ok(())),
        (Openrouter, "anthropic/claude-sonnet-5:nitro", 200, listed.clone(), Ok(())),
        (Openrouter, "anthropic/claude-5-sonnet", 200, listed.clone(), Ok(())),
        (Openrouter, "anthropic/nonexistent", 200, listed, missing),
        (Openrouter, "x", 502, Value::Null, Err(ModelError::Unavailable)),
    ] {
        let read = read_model_check(provider, id, &response(status, &body));
        assert_eq!(read, expected, "{provider:?} {id} {body}");
    }
}
