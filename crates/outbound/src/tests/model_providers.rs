use reef_domain::catalog::ListedModel;
use reef_domain::wire::Provider;
use reef_ports::{ModelCheckError, ModelListError, ModelProviders};
use reef_protocols::{HttpRequest, Method};
use serde_json::json;

use super::stub::{Answer, Stub, answer};
use crate::{Http, ModelProvidersClient, ProviderUrls};

async fn check(provider: Provider, answers: Vec<Answer>) -> (Result<(), ModelCheckError>, Vec<String>) {
    let stub = Stub::start(answers).await;
    let at = |path: &str| format!("{}/{path}", stub.url);
    let urls =
        ProviderUrls { anthropic: at("a"), openai: at("o/v1"), google: at("g"), openrouter: at("r/v1") };
    let providers = ModelProvidersClient::new(Http::new().unwrap(), urls);
    let checked = providers.check(provider, "model-1", &"sk-secret".into()).await;
    (checked, stub.drain_requests().iter().map(super::stub::RecordedRequest::line).collect())
}

#[tokio::test]
async fn check_asks_each_provider_for_key_then_model() {
    let list = json!({"data": [{"id": "model-1"}]});
    for (provider, bodies, paths) in [
        (Provider::Anthropic, [list.clone(), json!({})], ["/a/v1/models?limit=1", "/a/v1/models/model-1"]),
        (Provider::Openai, [list.clone(), json!({})], ["/o/v1/models", "/o/v1/models/model-1"]),
        (
            Provider::Google,
            [json!({"models": []}), json!({})],
            ["/g/v1beta/models?pageSize=1", "/g/v1beta/models/model-1"],
        ),
        (Provider::Openrouter, [json!({"data": {}}), list.clone()], ["/r/v1/key", "/r/v1/models"]),
    ] {
        let (checked, sent) = check(provider, bodies.map(|body| answer(200, body)).into()).await;
        checked.unwrap();
        assert_eq!(sent, paths.map(|path| format!("GET {path}")), "{provider}");
    }
}

#[tokio::test]
async fn check_errors_are_classified() {
    let good = || answer(200, json!({"data": []}));
    let error = |status, kind| {
        answer(status, json!({"type": "error", "error": {"type": kind, "message": "sk-secret"}}))
    };
    for (answers, expected) in [
        (vec![error(401, "authentication_error")], "KeyRejected"),
        (vec![good(), error(404, "not_found_error")], "ModelUnavailable"),
        (vec![error(529, "overloaded_error")], "Unavailable"),
        (vec![good(), error(429, "rate_limit_error")], "Unavailable"),
        (vec![answer(200, "<html>")], "Unavailable"),
    ] {
        let (checked, _) = check(Provider::Anthropic, answers).await;
        let shown = format!("{:?}", checked.unwrap_err());
        assert!(shown.starts_with(expected) && !shown.contains("secret"), "{shown}, not {expected}");
    }
}

async fn list(answers: Vec<Answer>) -> (Result<Vec<ListedModel>, ModelListError>, Vec<String>) {
    let stub = Stub::start(answers).await;
    let urls = ProviderUrls { openrouter: format!("{}/r/v1", stub.url), ..ProviderUrls::default() };
    let listed = ModelProvidersClient::new(Http::new().unwrap(), urls).list().await;
    let sent = stub.drain_requests();
    assert!(sent.iter().all(|sent| sent.headers.get("authorization").is_none()), "the list is public");
    (listed, sent.iter().map(super::stub::RecordedRequest::line).collect())
}

#[tokio::test]
async fn malformed_list_entry_is_skipped() {
    let entries = json!({"data": [
        {"id": "a/one", "name": "A: One", "architecture": {"output_modalities": ["text", "image"]}},
        {"id": "a/pictures", "name": "A: Pictures", "architecture": {"output_modalities": ["image"]}},
        {"id": 7}, "nonsense", null,
        {"id": "b/two", "pricing": {"prompt": "0"}},
    ]});
    let (listed, sent) = list(vec![answer(200, entries)]).await;
    let pairs: Vec<_> = listed.unwrap().into_iter().map(|model| (model.id, model.name)).collect();
    let expected =
        [("a/one", "A: One"), ("b/two", "b/two")].map(|(id, name)| (id.to_owned(), name.to_owned()));
    assert_eq!((pairs, sent), (expected.to_vec(), vec!["GET /r/v1/models".to_owned()]));
    let huge = json!({"data": ["x".repeat(9 * 1024 * 1024)]});
    for bad in [answer(200, "<html>"), answer(200, json!({"data": {}})), answer(500, "{}"), answer(200, huge)]
    {
        assert!(list(vec![bad]).await.0.is_err());
    }
}

#[tokio::test]
async fn greeting_is_one_line_or_error() {
    let greet = |answered: Answer| async {
        let stub = Stub::start([answered]).await;
        let urls = ProviderUrls { anthropic: stub.url.clone(), ..ProviderUrls::default() };
        let providers = ModelProvidersClient::new(Http::new().unwrap(), urls);
        let said = providers.greet(Provider::Anthropic, "model-1", &"sk-secret".into()).await;
        let sent = stub.drain_requests().remove(0);
        assert_eq!((sent.line(), &sent.json()["model"]), ("POST /v1/messages".to_owned(), &json!("model-1")));
        said
    };
    let words = |text: &str| {
        json!({"type": "message", "role": "assistant", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": text}]})
    };
    assert_eq!(greet(answer(200, words(" Hello,\n\tyou! "))).await.unwrap(), "Hello, you!");
    let long = greet(answer(200, words(&"ä".repeat(500)))).await.unwrap();
    assert_eq!(long.chars().count(), 201);
    let error = |status, kind| {
        answer(status, json!({"type": "error", "error": {"type": kind, "message": "sk-secret"}}))
    };
    for (answered, expected) in [
        (error(401, "authentication_error"), "KeyRejected"),
        (error(404, "not_found_error"), "ModelUnavailable"),
        (error(402, "billing_error"), "OutOfCredit"),
        (error(529, "overloaded_error"), "NoAnswer"),
        (answer(200, "<html>"), "NoAnswer"),
    ] {
        let shown = format!("{:?}", greet(answered).await.unwrap_err());
        assert!(shown.starts_with(expected) && !shown.contains("secret"), "{shown}, not {expected}");
    }
}

#[tokio::test]
async fn greeting_is_retried_within_credit() {
    let poor = answer(
        402,
        json!({"error": {"code": 402, "message": "You requested up to 8192 tokens, but can only afford 3919."}}),
    );
    let words =
        answer(200, json!({"choices": [{"message": {"content": "Hello!"}, "finish_reason": "stop"}]}));
    let stub = Stub::start([poor, words]).await;
    let urls = ProviderUrls { openrouter: stub.url.clone(), ..ProviderUrls::default() };
    let providers = ModelProvidersClient::new(Http::new().unwrap(), urls);
    assert_eq!(providers.greet(Provider::Openrouter, "a/one", &"sk-secret".into()).await.unwrap(), "Hello!");
    let asked: Vec<_> =
        stub.drain_requests().iter().map(|sent| sent.json()["max_tokens"].as_u64().unwrap()).collect();
    assert!(asked.len() == 2 && asked[0] == 8192 && asked[1] < 3919, "{asked:?}");
}

#[tokio::test]
async fn only_known_short_headers_are_kept() {
    for (name, value, expected) in [
        ("X-RateLimit-Reset", "1795410000000".to_owned(), Some("1795410000000")),
        ("retry-after", "Mon, 23 Nov 2026 05:00:00 GMT".to_owned(), Some("Mon, 23 Nov 2026 05:00:00 GMT")),
        (
            "anthropic-ratelimit-tokens-reset",
            " 2026-11-23T03:00:00Z ".to_owned(),
            Some("2026-11-23T03:00:00Z"),
        ),
        ("x-ratelimit-reset-requests", "x".repeat(129), None),
        ("set-cookie", "session=secret".to_owned(), None),
    ] {
        let stub = Stub::start([answer(429, "{}").with(name, value)]).await;
        let request = HttpRequest {
            vendor: "openrouter",
            method: Method::Get,
            url: stub.url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: 5_000,
            response_bytes_max: 100,
        };
        let response = Http::new().unwrap().send(request).await.unwrap();
        assert_eq!(response.header(&name.to_lowercase()), expected, "{name}");
        assert_eq!(response.headers.len(), usize::from(expected.is_some()), "{name}");
    }
}
