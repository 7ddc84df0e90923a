//! The timeline as a list and as a stream, and the delivery log of callbacks.

use std::time::Duration;

use reef_domain::ids::EventId;
use reef_store::EventRow;
use reqwest::header::COOKIE;
use serde_json::{Value, json};

use crate::callbacks::Receiver;
use crate::client::{ASSISTANTS, Client};
use crate::sessions::{form_request, session_cookie};
use crate::support::{App, Database, activation, bot_token, eventually, merged, on_both_databases};

on_both_databases! {
    async fn timeline_is_newest_first(app) {
        let me = app.customer().await;
        let id = me.active().await;
        let events = me.get(&format!("/{id}/events")).await;
        let steps: Vec<_> = events.as_array().unwrap().iter().map(|event| {
            (event["sequence"].as_i64().unwrap(), event["previousStatus"].clone(), event["status"].clone())
        }).collect();
        let step = |sequence: i64, from: &str, to: &str| (sequence, json!(from), json!(to));
        assert_eq!(steps, [
            step(3, "deploying", "active"),
            step(2, "purchased", "deploying"),
            step(1, "pending_payment", "purchased"),
        ]);
    }

    async fn stream_resumes_and_continues(app) {
        let me = app.customer().await;
        let id = me.active().await;
        let request = me.request("GET", &format!("{ASSISTANTS}/{id}/events"));
        let request = request.header("Accept", "text/event-stream").header("Last-Event-ID", "2");
        let mut stream = request.send().await.unwrap();
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        assert_eq!(stream.headers()["cache-control"], "no-store");
        let mut text = String::new();
        let mut until = async |what: &str| {
            while !text.contains(what) {
                let chunk = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await;
                let chunk = chunk.expect("no event arrived in time").unwrap().expect("the stream ended");
                text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
            text.clone()
        };
        let resumed = until("\"active\"").await;
        assert!(resumed.contains("id: 3") && !resumed.contains("id: 2"), "{resumed}");
        me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
        let live = until("\"stopped\"").await;
        assert!(live.contains("id: 4") && live.contains("event: assistant.status_changed"), "{live}");
        // The deletion is the last event; then the stream ends.
        me.ok("DELETE", &format!("/{id}"), Value::Null).await;
        let last = until("event: assistant.deleted").await;
        assert!(last.contains("id: 5"), "{last}");
        let rest = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await;
        assert!(matches!(rest, Ok(Ok(None))), "{rest:?}");
        let again = me.request("GET", &format!("{ASSISTANTS}/{id}/events")).header("Accept", "text/event-stream");
        assert_eq!(again.send().await.unwrap().status(), 404);
    }

    async fn stream_ends_when_key_is_revoked(app) {
        let me = app.customer().await;
        let id = me.active().await;
        let (reader, key) = app.key(me.user, "read", None).await;
        let (still, _) = app.key(me.user, "read", None).await;
        let open = async |with: &Client| {
            let request = with.request("GET", &format!("{ASSISTANTS}/{id}/events"));
            request.header("Accept", "text/event-stream").send().await.unwrap()
        };
        let (stream, mut other) = (open(&reader).await, open(&still).await);
        let wait = reader.request("GET", &format!("{ASSISTANTS}/{id}/status?wait=20")).send();
        let wait = tokio::spawn(wait);
        tokio::time::sleep(Duration::from_millis(200)).await;
        // Open requests end with the key although the assistant does not change.
        let cookie = session_cookie(&app, me.user).await;
        let revoked = form_request(&app, "revoke_key", &[("id", &key)]).header(COOKIE, cookie).send().await.unwrap();
        revoked.error_for_status().unwrap();
        let soon = Duration::from_secs(3);
        let text = tokio::time::timeout(soon, stream.text()).await.expect("the stream did not end").unwrap();
        assert!(text.contains("active"), "{text}");
        let waited = tokio::time::timeout(soon, wait).await.expect("the request failed").unwrap().unwrap();
        assert_eq!(waited.status(), 401);
        // The stream of another key continues.
        me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
        let mut text = String::new();
        while !text.contains("\"stopped\"") {
            let chunk = tokio::time::timeout(Duration::from_secs(10), other.chunk()).await;
            let chunk = chunk.expect("no event arrived in time").unwrap().expect("the stream ended");
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_requires_accept_header() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    let cases: [(&[&str], bool); 8] = [
        (&["text/event-stream"], true),
        (&["Text/Event-Stream; charset=utf-8"], true),
        (&["application/json;q=0.5, text/event-stream;q=0.9"], true),
        (&["application/json", "text/event-stream"], true),
        (&[], false),
        (&["*/*"], false),
        (&["text/event-stream;q=0, application/json"], false),
        (&["application/x-text/event-stream"], false),
    ];
    for (accepted, is_stream) in cases {
        let request = me.request("GET", &format!("{ASSISTANTS}/{id}/events"));
        let request = accepted.iter().fold(request, |request, value| request.header("Accept", *value));
        let answer = request.send().await.unwrap();
        let expected = if is_stream { "text/event-stream" } else { "application/json" };
        assert_eq!(answer.headers()["content-type"], expected, "{accepted:?}");
        assert_eq!(answer.headers()["vary"], "accept, x-api-key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_resumes_after_many_events() {
    const NEWEST: i64 = 350;
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let first = app.events(&id).await.remove(0);
    let mut tx = app.services.store().begin().await.unwrap();
    for sequence in 2..=NEWEST {
        let id = EventId::new(app.services.new_uuid());
        tx.insert_event(&EventRow { id, sequence, ..first.clone() }).await.unwrap();
    }
    tx.commit().await.unwrap();
    for (last, begins) in [(None, 1), (Some("3"), 4), (Some("349"), 350)] {
        let request =
            me.request("GET", &format!("{ASSISTANTS}/{id}/events")).header("Accept", "text/event-stream");
        let request = last.into_iter().fold(request, |request, last| request.header("Last-Event-ID", last));
        let mut stream = request.send().await.unwrap();
        let mut text = String::new();
        while !text.contains(&format!("id: {NEWEST}\n")) {
            let chunk = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await;
            let chunk = chunk.expect("no event arrived in time").unwrap().expect("the stream ended");
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        let ids = text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok());
        assert_eq!(ids.collect::<Vec<i64>>(), (begins..=NEWEST).collect::<Vec<_>>(), "after {last:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_are_listed_redelivered_and_tested() {
    let (receiver, target) = Receiver::start(&[]).await;
    let app = App::start_on(Database::Sqlite, &[("CALLBACK_OVERRIDES", &target)]).await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let body = merged(activation(&bot_token("ok")), json!({"callbackUrl": "https://hooks.test/x"}));
    me.ok("POST", &format!("/{id}/activate"), body).await;
    me.wait_for_status(&id, "active").await;
    let log = eventually("both callbacks to be delivered", async || {
        let log = me.get(&format!("/{id}/callbacks")).await;
        log.as_array().unwrap().iter().all(|entry| entry["state"] == "delivered").then_some(log)
    })
    .await;
    let (newest, count) = (log[0].clone(), receiver.got().len());
    assert_eq!((count, &newest["lastStatus"], &newest["attempts"]), (2, &json!(200), &json!(1)));

    let path = format!("/{id}/callbacks/{}/redeliver", newest["id"].as_str().unwrap());
    assert_eq!(me.ok("POST", &path, Value::Null).await["state"], "pending");
    let again = eventually("the redelivery", async || receiver.got().get(2).cloned()).await;
    assert_eq!(again.0["webhook-id"].to_str().unwrap(), newest["id"].as_str().unwrap());

    me.ok("POST", &format!("/{id}/callbacks/test"), Value::Null).await;
    let test = eventually("the test", async || receiver.got().get(3).cloned()).await;
    let test: Value = serde_json::from_slice(&test.1).unwrap();
    assert_eq!((&test["type"], &test["data"]["status"]), (&json!("assistant.test"), &json!("active")));

    // A callback of another assistant is not found, and an assistant without a callback URL cannot send a test.
    let bare = me.active().await;
    let foreign = format!("/{bare}/callbacks/{}/redeliver", newest["id"].as_str().unwrap());
    me.fails(404, "NOT_FOUND", "POST", &foreign, Value::Null).await;
    me.fails(409, "INVALID_STATE", "POST", &format!("/{bare}/callbacks/test"), Value::Null).await;
    app.customer().await.fails(404, "NOT_FOUND", "POST", &path, Value::Null).await;
}
