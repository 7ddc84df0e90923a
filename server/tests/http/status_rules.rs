//! Which requests are allowed in which status, and the errors of those that are not.

use serde_json::{Value, json};

use crate::customer::STATUSES;
use crate::support::{App, activation, bot_token};

#[tokio::test]
async fn disallowed_action_returns_409_and_changes_nothing() {
    let app = App::start().await;
    let me = app.customer().await;
    let rules: [(&str, &str, Value, &[&str], &str); 4] = [
        (
            "POST",
            "/activate",
            activation(&bot_token("ok")),
            &["purchased"],
            "Only a paid assistant that hasn't been activated yet can be activated.",
        ),
        (
            "PATCH",
            "",
            json!({"name": "Other"}),
            &["purchased", "stopped", "failed"],
            "An assistant can be updated only while it is purchased, stopped or failed.",
        ),
        (
            "POST",
            "/redeploy",
            Value::Null,
            &["active", "failed", "stopped"],
            "An assistant can be redeployed only while it is active, failed or stopped.",
        ),
        (
            "POST",
            "/stop",
            Value::Null,
            &["deploying", "active", "failed", "stopped"],
            "An assistant can be stopped only after it was activated.",
        ),
    ];
    for status in STATUSES {
        let id = me.in_status(status).await;
        let before = me.get(&format!("/{id}")).await;
        for (method, path, body, allowed, message) in &rules {
            if allowed.contains(&status) {
                continue;
            }
            let path = format!("/{id}{path}");
            let error = me.fails(409, "INVALID_STATE", method, &path, body.clone()).await;
            let expected = json!({
                "code": "INVALID_STATE", "message": message,
                "details": {"currentStatus": status, "allowedStatuses": allowed},
            });
            assert_eq!(error, expected, "{method} {path} in {status}");
        }
        assert_eq!(me.get(&format!("/{id}")).await, before);
    }
}

#[tokio::test]
async fn patch_keeps_status() {
    let app = App::start().await;
    let me = app.customer().await;
    for status in ["purchased", "failed", "stopped"] {
        let id = me.in_status(status).await;
        let before = me.get(&format!("/{id}")).await;
        let after = me.ok("PATCH", &format!("/{id}"), json!({"name": "Other"})).await;
        for key in ["status", "statusMessage", "workerName", "isPrebuy", "createdAt", "paymentStatus"] {
            assert_eq!(after[key], before[key], "{key} in {status}");
        }
        assert_eq!(after["name"], "Other");
    }
}

#[tokio::test]
async fn stop_after_activation_succeeds() {
    let app = App::start().await;
    let me = app.customer().await;
    for status in ["deploying", "active", "failed", "stopped"] {
        let id = me.in_status(status).await;
        let stopped = me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
        let (is, url) = (&stopped["status"], &stopped["workerUrl"]);
        assert_eq!((is, url), (&json!("stopped"), &Value::Null), "from {status}");
        assert_eq!(stopped["statusMessage"], Value::Null, "a stop by the owner needs no explanation");
    }
}

#[tokio::test]
async fn redeploy_from_active_failed_and_stopped_succeeds() {
    let app = App::start().await;
    let me = app.customer().await;
    for status in ["active", "failed", "stopped"] {
        let id = me.in_status(status).await;
        if status == "failed" {
            me.ok("PATCH", &format!("/{id}"), json!({"telegramBotToken": bot_token("ok")})).await;
        }
        let record = me.ok("POST", &format!("/{id}/redeploy"), Value::Null).await;
        assert_eq!((&record["status"], &record["statusMessage"]), (&json!("deploying"), &Value::Null));
        assert_eq!(record["workerUrl"], Value::Null);
        me.wait_for_status(&id, "active").await;
    }
}
