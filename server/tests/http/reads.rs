//! Efficient reads: `ETag`, pagination, `?wait=` and rate limits.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{ASSISTANTS, ApiResponse, Body};
use crate::support::App;

#[tokio::test]
async fn unchanged_response_returns_304() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    for path in [format!("{ASSISTANTS}/{id}"), format!("{ASSISTANTS}/{id}/status"), ASSISTANTS.to_owned()] {
        let first = me.call("GET", &path, Body::None).await;
        let tag = first.header("etag").unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let request = me.request("GET", &path).header("If-None-Match", known);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 304, "{path}");
            assert_eq!(answer.headers()["etag"], tag.as_str());
            assert_eq!(answer.headers()["cache-control"], "private, no-cache");
            assert!(answer.headers().contains_key("x-request-id"));
            assert_eq!(answer.text().await.unwrap(), "");
        }
        me.ok("PATCH", &format!("/{id}"), json!({"name": format!("Changed for {path}")})).await;
        // The status response has no name, so its tag stays the same.
        let expected = if path.ends_with("/status") { 304 } else { 200 };
        let again = me.request("GET", &path).header("If-None-Match", &tag).send().await.unwrap();
        assert_eq!(again.status(), expected, "{path}");
    }
    // A tag does not replace the API key.
    let nobody = app.anonymous().request("GET", ASSISTANTS).header("If-None-Match", "*");
    ApiResponse::send(nobody).await.error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn list_with_limit_is_paginated() {
    let app = App::start().await;
    let me = app.customer().await;
    for _ in 0..5 {
        me.purchase("byok").await;
    }
    let all = me.get("").await;
    let (mut path, mut seen) = (format!("{ASSISTANTS}?limit=2"), Vec::new());
    let mut sizes = Vec::new();
    loop {
        let answer = me.call("GET", &path, Body::None).await;
        let page = answer.data(200).as_array().unwrap().clone();
        sizes.push(page.len());
        seen.extend(page);
        let Some(link) = answer.header("link") else { break };
        let (url, rel) = link.split_once(';').unwrap();
        assert_eq!(rel.trim(), r#"rel="next""#);
        let url = url.trim().trim_start_matches('<').trim_end_matches('>');
        path = url.strip_prefix(&app.url("")).expect("the link is not absolute").to_owned();
    }
    assert_eq!((sizes, Value::from(seen)), (vec![2, 2, 1], all));
    for bad in ["limit=0", "limit=101", "limit=x", "limit=", "limit=2&cursor=nonsense"] {
        let answer = me.call("GET", &format!("{ASSISTANTS}?{bad}"), Body::None).await;
        answer.error(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn status_with_wait_returns_on_change() {
    let app = App::start().await;
    let me = app.customer().await;
    app.faults(json!([{"path": "*/getMe", "delayMs": 700}])).await;
    let id = me.activated("ok").await;
    let started = Instant::now();
    let status = me.get(&format!("/{id}/status?wait=20")).await;
    assert_eq!(status["status"], "active");
    assert!((Duration::from_millis(300)..Duration::from_secs(10)).contains(&started.elapsed()));
    // When the time is over, the response has the current status.
    let started = Instant::now();
    assert_eq!(me.get(&format!("/{id}/status?wait=1")).await["status"], "active");
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&started.elapsed()));
    for bad in ["wait=31", "wait=-1", "wait=x", "wait="] {
        let answer = me.call("GET", &format!("{ASSISTANTS}/{id}/status?{bad}"), Body::None).await;
        answer.error(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn requests_over_rate_limit_return_429() {
    let app = App::start_with(&[("RATE_LIMIT_PER_MINUTE", "3")]).await;
    let user = app.user().await;
    let (client, _) = app.key(user, "read", None).await;
    for left in ["2", "1", "0"] {
        let answer = client.call("GET", ASSISTANTS, Body::None).await;
        answer.data(200);
        assert_eq!(answer.header("ratelimit-policy"), Some(r#""default";q=3;w=60"#));
        let state = answer.header("ratelimit").unwrap();
        assert!(state.starts_with(&format!(r#""default";r={left};t="#)), "{state}");
    }
    // The rate limit is checked before FORBIDDEN, NOT_FOUND and the body.
    for (method, path) in [("GET", ASSISTANTS), ("POST", "/api/v1/assistants/x/stop")] {
        let answer = client.call(method, path, Body::None).await;
        answer.error(429, "RATE_LIMITED");
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
    }
    // Another key has a separate count, and an invalid key is not counted.
    let (other, _) = app.key(user, "read", None).await;
    assert_eq!(other.get("").await, json!([]));
    let nobody = app.anonymous().with_key("nonsense");
    for _ in 0..5 {
        nobody.fails(401, "UNAUTHORIZED", "GET", "", Value::Null).await;
    }
}
