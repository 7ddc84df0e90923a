//! Stopping: the worker is gone, or nothing has changed.

use serde_json::{Value, json};

use crate::support::App;

const NOT_STOPPED: &str = "The assistant couldn't be stopped, so it is still running. Try again in a moment.";

#[tokio::test]
async fn stop_twice_is_idempotent() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    let path = format!("/{id}/stop");
    let once = me.ok("POST", &path, Value::Null).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(me.ok("POST", &path, Value::Null).await, once);
    assert_eq!(me.get(&format!("/{id}")).await, once);
    assert_eq!(app.events(&id).await.last().map(|event| event.status.as_str()), Some("stopped"));
    let stops = app.events(&id).await.iter().filter(|event| event.status.as_str() == "stopped").count();
    assert_eq!(stops, 1);
}

#[tokio::test]
async fn stop_with_undeletable_worker_returns_502() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.activated("stubborn").await;
    let before = me.wait_for_status(&id, "active").await;
    for _ in 0..2 {
        let error = me.fails(502, "WORKER_DELETE_FAILED", "POST", &format!("/{id}/stop"), Value::Null).await;
        assert_eq!(error, json!({"code": "WORKER_DELETE_FAILED", "message": NOT_STOPPED}));
        assert_eq!(me.get(&format!("/{id}")).await, before);
    }
    // It still works, because its worker answers at its address.
    let health = app.http.get(before["workerUrl"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(health.status(), 200);
}

#[tokio::test]
async fn stop_after_transient_fault_can_be_repeated() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    let before = me.get(&format!("/{id}")).await;
    for fault in [json!({"status": 500}), json!({"status": 403}), json!({"drop": true})] {
        let mut fault = fault;
        fault["path"] = json!("*/deleteWebhook");
        fault["times"] = json!(5);
        app.faults(json!([fault])).await;
        me.fails(502, "WORKER_DELETE_FAILED", "POST", &format!("/{id}/stop"), Value::Null).await;
        assert_eq!(me.get(&format!("/{id}")).await, before, "{fault}");
    }
    app.faults(json!([])).await;
    let stopped = me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
    assert_eq!(stopped["status"], "stopped");
    let worker = app.http.get(before["workerUrl"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(worker.status(), 404);
}

#[tokio::test]
async fn upstream_404_counts_as_deleted() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    app.faults(json!([{"path": "*/deleteWebhook", "status": 404, "times": 5}])).await;
    assert_eq!(me.ok("POST", &format!("/{id}/stop"), Value::Null).await["status"], "stopped");
}

#[tokio::test]
async fn upstream_timeout_returns_502() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    app.faults(json!([{"path": "*/deleteWebhook", "delayMs": 60_000, "times": 5}])).await;
    me.fails(502, "WORKER_DELETE_FAILED", "POST", &format!("/{id}/stop"), Value::Null).await;
    assert_eq!(me.get(&format!("/{id}")).await["status"], "active");
}

#[tokio::test]
async fn stop_during_deployment_stays_stopped() {
    let app = App::start().await;
    let me = app.customer().await;
    app.faults(json!([{"path": "*/setWebhook", "delayMs": 400}])).await;
    let id = me.activated("ok").await;
    crate::support::eventually("the webhook being set", async || {
        let asked = app.vendor_requests("telegram").await;
        asked.iter().any(|call| call["path"].as_str().unwrap().ends_with("/setWebhook")).then_some(())
    })
    .await;
    let stopped = me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
    tokio::time::sleep(std::time::Duration::from_millis(900)).await;
    assert_eq!(me.get(&format!("/{id}")).await, stopped);
    let worker = app.url(&format!("/workers/{}", stopped["workerName"].as_str().unwrap()));
    assert_eq!(app.http.get(worker).send().await.unwrap().status(), 404, "its worker is gone");
}
