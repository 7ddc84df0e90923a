//! The form of responses: errors, limits and request ids. `client::ApiResponse` checks what holds for every response.

use std::collections::BTreeSet;

use futures::stream;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::client::{ApiResponse, Body};
use crate::endpoints::ENDPOINTS;
use crate::support::{App, issues, pairs};

const BODY_MAX: usize = 64 * 1024;

#[tokio::test]
async fn unknown_api_path_returns_json_404() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchase("byok").await.0;
    let paths = [
        "/api".to_owned(),
        "/api/".to_owned(),
        "/api/nothing".to_owned(),
        "/api/v1".to_owned(),
        "/api/v1/".to_owned(),
        "/api/v2/assistants".to_owned(),
        "/api/v1/assistants/".to_owned(),
        "/api/v1/Assistants".to_owned(),
        format!("/api/v1/assistants/{id}/"),
        format!("/api/v1/assistants/{id}/nothing"),
        format!("/api/v1/assistants/{id}/status/more"),
        "/api/v1/%ff".to_owned(),
        "/api/openapi/x".to_owned(),
    ];
    for path in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            for client in [&me.client, &app.anonymous()] {
                client.call(method, &path, Body::None).await.error(404, "NOT_FOUND");
            }
        }
    }
}

#[tokio::test]
async fn wrong_method_returns_405_with_allow() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchase("byok").await.0;
    let mut paths: BTreeSet<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
    paths.insert("/api/openapi");
    for path in paths {
        let mut allowed: BTreeSet<&str> =
            ENDPOINTS.iter().filter(|endpoint| endpoint.path == path).map(|e| e.method).collect();
        if path == "/api/openapi" {
            allowed.insert("GET");
        }
        let heads = if allowed.contains("GET") { vec!["HEAD"] } else { vec![] };
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            if allowed.contains(method) {
                continue;
            }
            let answer = me
                .call(method, &path.replace("{deploymentId}", &id).replace("{deliveryId}", &id), Body::None)
                .await;
            answer.error(405, "METHOD_NOT_ALLOWED");
            let named: BTreeSet<&str> =
                answer.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
            let expected: BTreeSet<&str> = allowed.iter().chain(&heads).copied().collect();
            assert_eq!(named, expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn body_over_64_kib_returns_413() {
    let app = App::start().await;
    let me = app.customer().await;
    let padded = |length: usize| {
        let json = r#"{"apiMode":"byok"}"#;
        format!("{json}{}", " ".repeat(length - json.len()))
    };
    me.send_raw("POST", "/purchase", padded(BODY_MAX)).await.data(201);
    let id = me.in_status("purchased").await;
    for endpoint in ENDPOINTS.into_iter().filter(|endpoint| endpoint.has_body()) {
        for length in [BODY_MAX + 1, 2 * 1024 * 1024] {
            let request =
                || me.request(endpoint.method, &endpoint.at(&id)).header(CONTENT_TYPE, "application/json");
            let error = ApiResponse::send(request().body(padded(length))).await.error(413, "INVALID_REQUEST");
            assert!(error["message"].as_str().unwrap().contains("64 KiB"), "{error}");
            // A chunked body does not declare its length in advance.
            let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
                padded(length).into_bytes().chunks(5000).map(|piece| Ok(piece.to_vec())).collect();
            let chunked = reqwest::Body::wrap_stream(stream::iter(pieces));
            ApiResponse::send(request().body(chunked)).await.error(413, "INVALID_REQUEST");
        }
    }
    assert_eq!(me.get(&format!("/{id}")).await["status"], "purchased");
    // Authentication is checked before the length of the body.
    let stranger = app.anonymous().request("POST", "/api/v1/assistants/purchase").body(padded(BODY_MAX + 1));
    ApiResponse::send(stranger).await.error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn chunked_body_is_accepted() {
    let app = App::start().await;
    let me = app.customer().await;
    let pieces = [r#"{"api"#, r#"Mode":"#, r#""byok"}"#].map(Ok::<_, std::io::Error>);
    let request = me.request("POST", "/api/v1/assistants/purchase").header(CONTENT_TYPE, "application/json");
    let body = reqwest::Body::wrap_stream(stream::iter(pieces));
    ApiResponse::send(request.body(body)).await.data(201);
}

#[tokio::test]
async fn request_id_is_kept_or_created() {
    let app = App::start().await;
    let me = app.customer().await;
    let ask = async |id: Option<&[u8]>| {
        let request = me.request("GET", "/api/v1/assistants");
        let request = match id {
            Some(id) => request.header("X-Request-Id", reqwest::header::HeaderValue::from_bytes(id).unwrap()),
            None => request,
        };
        ApiResponse::send(request).await.header("x-request-id").unwrap().to_owned()
    };
    let (one, two) = (ask(None).await, ask(None).await);
    assert!(one != two && one.len() == 36, "{one} {two}");
    let longest = "a".repeat(128);
    for valid in ["abc-123", "01890a5d-ac96-774b-bcce-b302099a8057", "A_b.C", &longest] {
        assert_eq!(ask(Some(valid.as_bytes())).await, valid);
    }
    let too_long = "a".repeat(129);
    for invalid in [&b""[..], b"a b", b"<script>", b"a\tb", b"\xff\xfe", too_long.as_bytes()] {
        assert_eq!(ask(Some(invalid)).await.len(), 36, "{invalid:?}");
    }
    // Errors, unknown paths and pages have the id, too.
    for path in ["/api/nothing", "/", "/healthz", "/nothing"] {
        let answer = app.http.get(app.url(path)).header("X-Request-Id", "kept").send().await.unwrap();
        assert_eq!(answer.headers()["x-request-id"], "kept", "{path}");
    }
}

#[tokio::test]
async fn internal_error_hides_cause() {
    let app = App::start().await;
    let me = app.customer().await;
    app.faults(json!([{"method": "POST", "path": "*/v1/checkouts*", "status": 503, "times": 10}])).await;
    let answer = me.send("POST", "/purchase", json!({"apiMode": "byok"})).await;
    let message = "We couldn't reach Polar. You haven't been charged. Try again in a moment.";
    let expected = json!({"code": "INTERNAL_ERROR", "message": message,
        "details": {"reason": "payment_provider_unavailable"}});
    assert_eq!(answer.error(500, "INTERNAL_ERROR"), expected);
}

#[tokio::test]
async fn aborted_body_has_no_effect() {
    let app = App::start().await;
    let me = app.customer().await;
    let pieces = [Ok(r#"{"apiMode":"byok"}"#.as_bytes()), Err(std::io::Error::other("gone"))];
    let request = me.request("POST", "/api/v1/assistants/purchase").header(CONTENT_TYPE, "application/json");
    let sent = request.body(reqwest::Body::wrap_stream(stream::iter(pieces))).send().await;
    // The client disconnected and may see no response; nothing was ordered.
    assert!(sent.is_err() || sent.is_ok_and(|answer| answer.status() == 400));
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(me.get("").await, json!([]));
}

#[tokio::test]
async fn success_has_only_data() {
    let app = App::start().await;
    let me = app.customer().await;
    let answer = me.send("POST", "/purchase", json!({"apiMode": "byok"})).await;
    let data = answer.data(201);
    let keys: Vec<_> = data.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["deploymentId", "checkoutUrl"]);
    assert!(answer.text.starts_with(r#"{"data":{"deploymentId":""#), "{}", answer.text);
    let error = me.fails(400, "INVALID_REQUEST", "POST", "/purchase", json!({})).await;
    assert_eq!(issues(&error), pairs(&[("apiMode", "required")]));
    assert_eq!(error["message"], "Invalid request body");
}
