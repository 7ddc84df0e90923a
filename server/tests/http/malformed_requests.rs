//! Malformed paths, texts, parameters and headers, as an attacker sends them.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{ASSISTANTS, ApiResponse, Body};
use crate::endpoints::ENDPOINTS;
use crate::support::{App, activation, bot_token, issues, merged};

/// Sends a request with this exact target, which HTTP clients would normalize, and returns status and body.
async fn send_raw_target(app: &App, method: &str, target: &str, key: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(app.address).await.expect("could not connect");
    let head =
        format!("{method} {target} HTTP/1.1\r\nHost: reef\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("could not send the request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the request failed");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status =
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("the status line is invalid");
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn unnormalized_path_returns_404() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    let key = me.key();
    let long = "x".repeat(20_000);
    for path in [
        format!("/api/v1/assistants/{id}%2fstatus"),
        "/api/v1/assistants/%2e%2e/me".to_owned(),
        "/api/v1/assistants/../me".to_owned(),
        "/api/v1/./me".to_owned(),
        "/api/v1//me".to_owned(),
        "/api//v1/me".to_owned(),
        "/api/v1/me/".to_owned(),
        "/api/v1/me%00".to_owned(),
        "/api/v1/me;x=1".to_owned(),
        "/api/v1/me%3f".to_owned(),
        "/api/v1/ME".to_owned(),
        "/api/v1/assistants/%".to_owned(),
        "/api/v1/assistants/%zz".to_owned(),
        "/api/v1/assistants/%c0%ae".to_owned(),
        format!("/api/v1/assistants/{id}%20"),
        format!("/api/v1/assistants/%20{id}"),
        format!("/api/v1/assistants/{}", id.to_uppercase()),
        format!("/api/v1/assistants/{long}"),
        format!("/api/{long}"),
    ] {
        let (status, body) = send_raw_target(&app, "GET", &path, key).await;
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path:.60}: {body:.200}"));
        assert_eq!((status, &body["error"]["code"]), (404, &json!("NOT_FOUND")), "{path:.60}");
    }
    // A percent-encoded letter is equivalent to the letter.
    let (status, _) = send_raw_target(&app, "GET", "/api/v1/%6de", key).await;
    assert!(matches!(status, 200 | 404), "{status}");
    // `..` leads neither to a page nor to a file.
    for path in
        ["/pkg/../Cargo.toml", "/pkg/..%2f..%2fCargo.toml", "/pkg/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd"]
    {
        let (status, body) = send_raw_target(&app, "GET", path, key).await;
        assert!(status == 404 || status == 400, "{path} {status}");
        assert!(!body.contains("[workspace]") && !body.contains("root:"), "{path}");
    }
    assert_eq!(send_raw_target(&app, "GET", "http://elsewhere.example/api/v1/me", key).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_returns_headers_of_get() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    for endpoint in ENDPOINTS.into_iter().filter(|endpoint| endpoint.method == "GET") {
        let path = endpoint.at(&id);
        let (get, head) =
            (me.request("GET", &path).send().await.unwrap(), me.request("HEAD", &path).send().await.unwrap());
        assert_eq!((get.status(), head.status()), (get.status(), get.status()), "{path}");
        for name in ["content-type", "x-request-id", "ratelimit-policy"] {
            assert_eq!(head.headers().contains_key(name), get.headers().contains_key(name), "{path} {name}");
        }
        for name in ["content-length", "cache-control", "vary"] {
            assert_eq!(head.headers().get(name), get.headers().get(name), "{path} {name}");
        }
        // The response of `/me` has the time of the key's last use, so each request changes it.
        if path != "/api/v1/me" {
            let tag = get.headers()["etag"].clone();
            assert_eq!(head.headers()["etag"], tag, "{path}");
            let known = me.request("HEAD", &path).header("If-None-Match", tag).send().await.unwrap();
            assert_eq!(known.status(), 304, "{path}");
        }
        assert_eq!(head.bytes().await.unwrap().len(), 0, "{path}");
    }
    for path in ["/", "/signin", "/healthz", "/readyz", "/metrics", "/api/openapi"] {
        let head = app.http.head(app.url(path)).send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.bytes().await.unwrap().len()), (200, 0), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_are_rejected_and_markup_is_kept() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    let one = format!("/{id}");
    for name in
        ["\u{0}", "a\u{0}b", "a\nb", "a\r\nX-Injected: 1", "\u{1b}[31mred", "\u{7f}", "\u{85}", "\u{9b}"]
    {
        let error = me.fails(400, "INVALID_REQUEST", "PATCH", &one, json!({"name": name})).await;
        assert_eq!(issues(&error)[0].0, "name", "{name:?}");
    }
    for name in [
        "'; drop table assistants; --",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "%s%n",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧",
        "\u{202e}evil",
        "../../etc",
    ] {
        assert_eq!(me.ok("PATCH", &one, json!({"name": name})).await["name"], name);
    }
    // The same characters in other fields are rejected.
    let slot = me.purchased("byok").await;
    let body = merged(
        activation(&bot_token("ok")),
        json!({"modelId": "\u{202e}", "callbackUrl": "https://evil\r\n.example"}),
    );
    me.fails(400, "INVALID_REQUEST", "POST", &format!("/{slot}/activate"), body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_parameters_are_rejected_and_headers_ignored() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    for (path, named) in [
        (format!("/{id}/status?wait=1&wait=2"), "wait"),
        (format!("/{id}/status?wait=0x1"), "wait"),
        (format!("/{id}/status?wait=%00"), "wait"),
        (format!("/{id}/status?wait=99999999999999999999"), "wait"),
        ("?limit=1&limit=1".to_owned(), "limit"),
        ("?limit=%2B1%00".to_owned(), "limit"),
        ("?limit=1e1".to_owned(), "limit"),
        ("?cursor=%ff".to_owned(), "cursor"),
        ("?cursor=99999999999999999999_x".to_owned(), "cursor"),
    ] {
        let answer = me.call("GET", &format!("{ASSISTANTS}{path}"), Body::None).await;
        let error = answer.error(400, "INVALID_REQUEST");
        assert_eq!(
            (issues(&error)[0].0.as_str(), &error["message"]),
            (named, &json!("Invalid query parameter")),
            "{path}"
        );
    }
    // Unknown query parameters are ignored.
    assert_eq!(me.get(&format!("/{id}?x=1&x=2&__proto__=1")).await["id"], id);
    let odd: [(&str, &[u8]); 7] = [
        ("Accept", b"\xff"),
        ("If-None-Match", b"\xff\"\"\","),
        ("Last-Event-ID", b"99999999999999999999999"),
        ("Last-Event-ID", b"-1"),
        ("Accept-Encoding", b"br;q=nan, \xff"),
        ("X-Forwarded-For", b"\xff, ,,"),
        ("Range", b"bytes=0-0"),
    ];
    for (name, value) in odd {
        let value = reqwest::header::HeaderValue::from_bytes(value).unwrap();
        let request = me.request("GET", &format!("{ASSISTANTS}/{id}")).header(name, value);
        ApiResponse::send(request).await.data(200);
    }
}
