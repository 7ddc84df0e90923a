//! Validation of request bodies: all issues are reported at once, each with its field.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::client::ApiResponse;
use crate::support::{App, activation, bot_token, issues, merged, pairs};

/// The endpoints with a body, each for an assistant in an allowed status and with a valid body.
async fn with_bodies(me: &crate::customer::Customer<'_>) -> [(&'static str, String, String); 4] {
    let (purchased, stopped) = (me.in_status("purchased").await, me.in_status("stopped").await);
    [
        ("POST", "/purchase".to_owned(), r#"{"apiMode":"byok"}"#.to_owned()),
        ("POST", format!("/{purchased}/activate"), activation(&bot_token("ok")).to_string()),
        ("PATCH", format!("/{stopped}"), r#"{"name":"x"}"#.to_owned()),
        ("POST", format!("/{stopped}/redeploy"), r#"{"callbackUrl":"https://example.com/"}"#.to_owned()),
    ]
}

#[tokio::test]
async fn body_other_than_json_object_is_rejected() {
    let app = App::start().await;
    let me = app.customer().await;
    let deep = format!("{{\"name\":{}", "[".repeat(30_000));
    let deep_object = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    let cases: [(&[u8], &str); 27] = [
        (b"[]", "invalid_type"),
        (b"null", "invalid_type"),
        (b"\"text\"", "invalid_type"),
        (b"1", "invalid_type"),
        (b"true", "invalid_type"),
        (b" ", "invalid_json"),
        (b"{", "invalid_json"),
        (b"}", "invalid_json"),
        (b"{}{}", "invalid_json"),
        (b"{} x", "invalid_json"),
        (b"{'name':'x'}", "invalid_json"),
        (b"{\"name\":}", "invalid_json"),
        (b"{\"name\":\"x\",}", "invalid_json"),
        (b"{\"name\":NaN}", "invalid_json"),
        (b"{\"name\":\"\xff\"}", "invalid_json"),
        (b"name=x", "invalid_json"),
        (deep.as_bytes(), "invalid_json"),
        (deep_object.as_bytes(), "invalid_json"),
        (b"\xef\xbb\xbf{}", "invalid_json"),
        (b"\xff\xfe{\0}\0", "invalid_json"),
        (b"{\"name\":\"\\ud800\"}", "invalid_json"),
        (b"{\"name\":\"\\udc00\\ud800\"}", "invalid_json"),
        (b"{\"name\":\"a\0b\"}", "invalid_json"),
        (b"{\"name\":1e999}", "invalid_json"),
        (b"{\"name\":01}", "invalid_json"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "invalid_json"),
        (b"{\"name\":\"\xc0\xaf\"}", "invalid_json"),
    ];
    for (method, path, _) in with_bodies(&me).await {
        for (bytes, code) in cases {
            let answer = me.send_raw(method, &path, bytes).await;
            let error = answer.error(400, "INVALID_REQUEST");
            assert_eq!(issues(&error), pairs(&[("", code)]), "{method} {path} {bytes:?}");
            assert_eq!(error["message"], "Invalid request body");
        }
    }
}

#[tokio::test]
async fn unknown_and_duplicate_keys_are_rejected() {
    let app = App::start().await;
    let me = app.customer().await;
    for (method, path, good) in with_bodies(&me).await {
        let stem = good.strip_suffix('}').unwrap();
        let first = stem.split('"').nth(1).unwrap();
        let unknown = me.send_raw(method, &path, format!(r#"{stem},"surprise":1,"more":null}}"#)).await;
        let error = unknown.error(400, "INVALID_REQUEST");
        assert_eq!(issues(&error), pairs(&[("surprise", "unknown_key"), ("more", "unknown_key")]));
        let twice = me.send_raw(method, &path, format!(r#"{stem},"{first}":"again"}}"#)).await;
        let error = twice.error(400, "INVALID_REQUEST");
        assert_eq!(issues(&error), pairs(&[(first, "duplicate_key")]), "{method} {path}");
    }
    // Keys are case-sensitive.
    let error = me.fails(400, "INVALID_REQUEST", "POST", "/purchase", json!({"apimode": "byok"})).await;
    assert_eq!(issues(&error), pairs(&[("apiMode", "required"), ("apimode", "unknown_key")]));
    assert_eq!(me.get("").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn body_without_json_content_type_is_rejected() {
    let app = App::start().await;
    let me = app.customer().await;
    for (method, path, good) in with_bodies(&me).await {
        let path = format!("/api/v1/assistants{path}");
        let request = || me.request(method, &path).body(good.clone());
        let wrong = [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/jsonp"),
            Some("application/problem+json"),
            Some("multipart/form-data; boundary=x"),
            Some("application/json; charset=utf-16"),
            Some("application/json;charset=latin1"),
            Some(""),
        ];
        for kind in wrong {
            let request = match kind {
                Some(kind) => request().header(CONTENT_TYPE, kind),
                None => request(),
            };
            let error = ApiResponse::send(request).await.error(400, "INVALID_REQUEST");
            assert_eq!(issues(&error), pairs(&[("", "invalid_content_type")]), "{path} {kind:?}");
        }
        let two = request().header(CONTENT_TYPE, "application/json").header(CONTENT_TYPE, "text/plain");
        ApiResponse::send(two).await.error(400, "INVALID_REQUEST");
        let packed = request().header(CONTENT_TYPE, "application/json").header("Content-Encoding", "gzip");
        let error = ApiResponse::send(packed).await.error(400, "INVALID_REQUEST");
        assert_eq!(issues(&error), pairs(&[("", "invalid_content_encoding")]), "{path}");
    }
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"] {
        let request = me.request("POST", "/api/v1/assistants/purchase").header(CONTENT_TYPE, kind);
        ApiResponse::send(request.body(r#"{"apiMode":"byok"}"#)).await.data(201);
    }
}

#[tokio::test]
async fn empty_body_is_empty_object() {
    let app = App::start().await;
    let me = app.customer().await;
    let (purchased, stopped) = (me.in_status("purchased").await, me.in_status("stopped").await);
    let cases: [(&str, String, &[&str]); 3] = [
        ("POST", "/purchase".to_owned(), &["apiMode"]),
        ("POST", format!("/{purchased}/activate"), &["name", "modelId", "telegramBotToken"]),
        ("PATCH", format!("/{stopped}"), &[""]),
    ];
    for (method, path, missing) in cases {
        let expected: Vec<_> = missing.iter().map(|key| (*key, "required")).collect();
        let full = format!("/api/v1/assistants{path}");
        let bodies = [
            me.request(method, &full),
            me.request(method, &full).body(""),
            me.request(method, &full).header(CONTENT_TYPE, "application/json").body(""),
            me.request(method, &full).header(CONTENT_TYPE, "application/json").body("{}"),
            me.request(method, &full).header(CONTENT_TYPE, "application/json").body(" { } "),
        ];
        for request in bodies {
            let error = ApiResponse::send(request).await.error(400, "INVALID_REQUEST");
            assert_eq!(issues(&error), pairs(&expected), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn wrong_type_is_rejected() {
    let app = App::start().await;
    let me = app.customer().await;
    let wrong = [json!(1), json!(1.5), json!(true), json!(null), json!([]), json!({}), json!(["byok"])];
    for (method, path, good) in with_bodies(&me).await {
        let good: Value = serde_json::from_str(&good).unwrap();
        for key in good.as_object().unwrap().keys() {
            for value in &wrong {
                if key == "callbackUrl" && value.is_null() {
                    continue; // null is allowed here: it removes the URL
                }
                let body = merged(good.clone(), json!({key.as_str(): value}));
                let error = me.fails(400, "INVALID_REQUEST", method, &path, body).await;
                assert_eq!(issues(&error), pairs(&[(key, "invalid_type")]), "{method} {path} {value}");
            }
        }
    }
    // Activation does not accept null for the callback URL.
    let purchased = me.in_status("purchased").await;
    let body = merged(activation(&bot_token("ok")), json!({"callbackUrl": null}));
    let error = me.fails(400, "INVALID_REQUEST", "POST", &format!("/{purchased}/activate"), body).await;
    assert_eq!(issues(&error), pairs(&[("callbackUrl", "invalid_type")]));
}

#[tokio::test]
async fn all_issues_are_reported_together() {
    let app = App::start().await;
    let me = app.customer().await;
    let (purchased, stopped) = (me.in_status("purchased").await, me.in_status("stopped").await);
    let bad = json!({
        "name": " ", "modelProvider": 1, "modelId": "", "telegramBotToken": "a b", "modelApiKey": null,
        "callbackUrl": "http://example.com", "surprise": true,
    });
    let error =
        me.fails(400, "INVALID_REQUEST", "POST", &format!("/{purchased}/activate"), bad.clone()).await;
    let mut expected = vec![
        ("name", "required"),
        ("modelProvider", "invalid_type"),
        ("modelId", "required"),
        ("telegramBotToken", "invalid_characters"),
        ("modelApiKey", "invalid_type"),
        ("callbackUrl", "invalid_url"),
        ("surprise", "unknown_key"),
    ];
    assert_eq!(issues(&error), pairs(&expected));
    let error = me.fails(400, "INVALID_REQUEST", "PATCH", &format!("/{stopped}"), bad).await;
    expected[5] = ("callbackUrl", "unknown_key");
    let mut found = issues(&error);
    found.sort();
    let mut expected = pairs(&expected);
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn stop_and_delete_with_body_are_rejected() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("active").await;
    let (one, stop) = (format!("/{id}"), format!("/{id}/stop"));
    for (method, path) in [("POST", &stop), ("DELETE", &one)] {
        let error = me.fails(400, "INVALID_REQUEST", method, path, json!({"force": true})).await;
        assert_eq!(issues(&error), pairs(&[("force", "unknown_key")]));
        for bytes in ["[]", "{", "null"] {
            me.send_raw(method, path, bytes).await.error(400, "INVALID_REQUEST");
        }
    }
    assert_eq!(me.get(&one).await["status"], "active");
    me.ok("POST", &stop, json!({})).await;
    me.send_raw("DELETE", &one, "").await.data(200);
}

#[tokio::test]
async fn body_errors_precede_invalid_state() {
    let app = App::start().await;
    let me = app.customer().await;
    let (active, pending) = (me.in_status("active").await, me.in_status("pending_payment").await);
    let activate = format!("/{pending}/activate");
    let formless = json!({"modelProvider": "nobody", "surprise": 1});
    let senseless = merged(activation(&bot_token("ok")), json!({"modelProvider": "nobody"}));
    me.fails(400, "INVALID_REQUEST", "POST", &activate, formless).await;
    me.fails(400, "INVALID_INPUT", "POST", &activate, senseless).await;
    me.fails(409, "INVALID_STATE", "POST", &activate, activation(&bot_token("ok"))).await;
    let one = format!("/{active}");
    me.fails(400, "INVALID_REQUEST", "PATCH", &one, json!({"modelProvider": "nobody", "x": 1})).await;
    me.fails(400, "INVALID_INPUT", "PATCH", &one, json!({"modelProvider": "nobody"})).await;
    me.fails(409, "INVALID_STATE", "PATCH", &one, json!({"name": "x"})).await;
    let redeploy = format!("/{pending}/redeploy");
    me.fails(400, "INVALID_REQUEST", "POST", &redeploy, json!({"callbackUrl": "x"})).await;
    me.fails(409, "INVALID_STATE", "POST", &redeploy, json!({})).await;
    let stop = format!("/{pending}/stop");
    me.fails(400, "INVALID_REQUEST", "POST", &stop, json!({"x": 1})).await;
    me.fails(409, "INVALID_STATE", "POST", &stop, json!({})).await;
}
