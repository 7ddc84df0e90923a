//! `DELETE …/{id}` in every status, and the end of the subscription.

use reqwest::header::{COOKIE, LOCATION};
use serde_json::{Value, json};

use crate::customer::STATUSES;
use crate::sessions::session_cookie;
use crate::support::{App, eventually, on_both_databases};

const NOT_DELETED: &str = "The assistant couldn't be stopped, so nothing was deleted. Try again in a moment.";

on_both_databases! {
    async fn delete_in_every_status_succeeds(app) {
        let me = app.customer().await;
        for status in STATUSES {
            let id = me.in_status(status).await;
            let path = format!("/{id}");
            let record = me.get(&path).await;
            let answer = me.send("DELETE", &path, Value::Null).await;
            assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"data":{"success":true}}"#), "{status}");
            for (method, path) in [("GET", path.clone()), ("DELETE", path.clone()), ("POST", format!("{path}/stop"))] {
                me.fails(404, "NOT_FOUND", method, &path, Value::Null).await;
            }
            if let Some(subscription) = record["polarSubscriptionId"].as_str() {
                eventually("the subscription's end", async || {
                    (app.subscription(subscription).await["status"] == "canceled").then_some(())
                })
                .await;
            }
            if let Some(url) = record["workerUrl"].as_str() {
                assert_eq!(app.http.get(url).send().await.unwrap().status(), 404, "its worker is gone");
            }
        }
        assert_eq!(me.get("").await, json!([]));
    }
}

#[tokio::test]
async fn delete_with_undeletable_worker_returns_502() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.activated("stubborn").await;
    let before = me.wait_for_status(&id, "active").await;
    let path = format!("/{id}");
    for _ in 0..2 {
        let error = me.fails(502, "WORKER_DELETE_FAILED", "DELETE", &path, Value::Null).await;
        assert_eq!(error, json!({"code": "WORKER_DELETE_FAILED", "message": NOT_DELETED}));
        assert_eq!(me.get(&path).await, before);
    }
    let subscription = app.subscription(before["polarSubscriptionId"].as_str().unwrap()).await;
    assert_eq!(subscription["status"], "active");
}

#[tokio::test]
async fn delete_with_failing_revocation_succeeds() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let record = me.get(&format!("/{id}")).await;
    let subscription = record["polarSubscriptionId"].as_str().unwrap();
    app.faults(json!([{"method": "DELETE", "path": "*/v1/subscriptions/*", "status": 500, "times": 1}]))
        .await;
    me.ok("DELETE", &format!("/{id}"), Value::Null).await;
    me.fails(404, "NOT_FOUND", "GET", &format!("/{id}"), Value::Null).await;
    eventually("the subscription's end, at the second attempt", async || {
        (app.subscription(subscription).await["status"] == "canceled").then_some(())
    })
    .await;
}

#[tokio::test]
async fn payment_after_deletion_is_revoked() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, checkout) = me.purchase("byok").await;
    me.ok("DELETE", &format!("/{id}"), Value::Null).await;
    assert_eq!(me.press(&checkout, "pay").await, 303);
    eventually("the subscription's end", async || {
        let revoked = |call: &Value| call["method"] == "DELETE" && call["status"] == 200;
        app.vendor_requests("polar").await.iter().any(revoked).then_some(())
    })
    .await;
    me.fails(404, "NOT_FOUND", "GET", &format!("/{id}"), Value::Null).await;
    assert_eq!(me.get("").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn page_of_deleted_assistant_redirects_to_receipt() {
    let app = App::start().await;
    let (me, other) = (app.customer().await, app.customer().await);
    let (mine, foreign) = (session_cookie(&app, me.user).await, session_cookie(&app, other.user).await);
    let id = me.active().await;
    // Polar's answer is delayed.
    app.faults(json!([{"method": "DELETE", "path": "*/v1/subscriptions/*", "delayMs": 500, "times": 1}]))
        .await;
    me.ok("DELETE", &format!("/{id}"), Value::Null).await;

    let open = async |path: String, cookie: &str| {
        app.http.get(app.url(&path)).header(COOKIE, cookie).send().await.expect("the request failed")
    };
    let (page, receipt) = (format!("/assistants/{id}"), format!("/receipts/{id}"));
    let moved = open(page.clone(), &mine).await;
    assert_eq!((moved.status().as_u16(), moved.headers()[LOCATION].to_str().unwrap()), (302, &*receipt));
    assert_eq!(open(page.clone(), &foreign).await.status(), 404);
    for stream in [format!("/live{receipt}"), format!("/live{page}")] {
        assert_eq!(open(stream, &foreign).await.status(), 404);
    }
    // A page that opens its stream after the deletion is redirected, too.
    let stream = open(format!("/live{page}"), &mine).await.text().await.unwrap();
    assert!(stream.contains("event: gone"), "{stream}");

    let before = open(receipt.clone(), &mine).await.text().await.unwrap();
    assert!(before.contains("Cancellation pending"), "{before}");
    let seen = before
        .split("?seen=")
        .nth(1)
        .expect("the stream's URL is missing")
        .split(|c: char| !c.is_ascii_hexdigit())
        .next();
    let mut stream = open(format!("/live{receipt}?seen={}", seen.unwrap()), &mine).await;
    for start in ["retry: ", "id: "] {
        assert!(stream.chunk().await.unwrap().is_some_and(|chunk| chunk.starts_with(start.as_bytes())));
    }
    let after = open(receipt, &mine).await.text().await.unwrap();
    assert!(after.contains("Canceled on"), "{after}");
}
