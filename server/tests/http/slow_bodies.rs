//! Slow request bodies affect only the clients that send them.

use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, COOKIE, REFERER};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::ASSISTANTS;
use crate::sessions::{form_request, session_cookie};
use crate::support::App;

/// Starts a POST with this `Content-Length` and sends only one byte of the body.
async fn start_post(app: &App, path: &str, headers: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.expect("could not connect");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: reef\r\nSec-Fetch-Site: same-origin\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n{headers}\r\nx"
    );
    stream.write_all(head.as_bytes()).await.expect("could not send the request");
    stream
}

/// Returns the status code if the response arrives in time.
async fn status(stream: &mut TcpStream, within: Duration) -> Option<u16> {
    let mut answer = [0; 64];
    let read = tokio::time::timeout(within, stream.read(&mut answer)).await.ok()?.ok()?;
    String::from_utf8_lossy(&answer[..read]).split(' ').nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_forms_do_not_block_others() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let mut held = Vec::new();
    for _ in 0..2100 {
        held.push(start_post(&app, "/_fn/sign_in", "", 1000).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let started = Instant::now();
    assert_eq!(me.get("").await, json!([]));
    let page = app.http.get(app.url("/assistants")).header(COOKIE, &cookie).send().await.unwrap();
    assert_eq!(page.status(), 200);
    // Forms from the same address are served, too.
    let sent = form_request(&app, "sign_out", &[]).header(COOKIE, &cookie).send().await.unwrap();
    assert!(sent.status().is_redirection() || sent.status().is_success(), "{}", sent.status());
    assert_eq!(app.http.post(app.url(&format!("{ASSISTANTS}/purchase"))).send().await.unwrap().status(), 401);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    // The oldest requests were cut off.
    assert_eq!(status(&mut held[0], Duration::from_secs(2)).await, Some(503));
    let samples = app.http.get(app.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let of_forms = |class: &str| {
        samples.lines().any(|line| {
            line.contains("_count{") && line.contains("/_fn/") && line.contains(&format!("\"{class}\""))
        })
    };
    assert!(of_forms("shed") && !of_forms("5xx"), "{samples}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_webhook_is_rejected_before_body_is_read() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    let worker = me.get(&format!("/{id}")).await["workerName"].as_str().unwrap().to_owned();
    let now = app.services.now().unix_seconds();
    let signed = |at: i64, signature: &str| {
        format!("webhook-id: x\r\nwebhook-timestamp: {at}\r\nwebhook-signature: {signature}\r\n")
    };
    let plausible = format!("v1,{}=", "A".repeat(43));
    let soon = Duration::from_secs(2);
    for (path, headers, expected) in [
        ("/webhooks/polar", String::new(), Some(401)),
        ("/webhooks/polar", signed(now, ""), Some(401)),
        ("/webhooks/polar", signed(now, "v1,AAAA"), Some(401)),
        ("/webhooks/polar", signed(now - 400, &plausible), Some(401)),
        // The body of a request that may be valid is read.
        ("/webhooks/polar", signed(now, &plausible), None),
        (&format!("/workers/{worker}/telegram"), String::new(), Some(401)),
        (
            &format!("/workers/{worker}/telegram"),
            "X-Telegram-Bot-Api-Secret-Token: wrong\r\n".to_owned(),
            Some(401),
        ),
        ("/workers/openclaw-00000000/telegram", String::new(), Some(404)),
    ] {
        let mut stream = start_post(&app, path, &headers, 1000).await;
        assert_eq!(
            status(&mut stream, if expected.is_some() { soon } else { soon / 4 }).await,
            expected,
            "{path} {headers}"
        );
    }
    // A declared length over the limit is rejected before the body arrives.
    let mut stream = start_post(&app, "/webhooks/polar", &signed(now, &plausible), 2 * 1024 * 1024).await;
    assert_eq!(status(&mut stream, soon).await, Some(413));
}

#[tokio::test(flavor = "multi_thread")]
async fn form_over_limit_returns_413() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let long = "x".repeat(140_000);
    for endpoint in ["sign_in", "create_key", "activate", "change_password", "nothing"] {
        let request = || {
            form_request(&app, endpoint, &[("email", &long)])
                .header(COOKIE, &cookie)
                .header(REFERER, app.url("/keys"))
        };
        let to_script = request().send().await.unwrap();
        assert_eq!(to_script.status(), 413, "{endpoint}");
        let error: serde_json::Value = to_script.json().await.unwrap();
        assert_eq!(error["code"], "INVALID_REQUEST", "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains("too large")), "{error}");
        let to_browser = request().header(ACCEPT, "text/html").send().await.unwrap();
        assert_eq!(to_browser.status(), 413, "{endpoint}");
        assert!(to_browser.text().await.unwrap().contains("<h1>This form is too large</h1>"));
    }
    // A body without a declared length is read up to the limit.
    let parts = futures::stream::iter((0..140).map(|_| Ok::<_, std::io::Error>("x".repeat(1000))));
    let request = app.http.post(app.url("/_fn/sign_in")).header("Sec-Fetch-Site", "same-origin");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(request.body(reqwest::Body::wrap_stream(parts)).send().await.unwrap().status(), 413);
    // Later forms are served as usual.
    assert_eq!(
        form_request(&app, "sign_in", &[("email", "a@b.example"), ("password", "x")])
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
}
