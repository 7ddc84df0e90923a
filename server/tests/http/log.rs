//! The log: one line per request, whatever the client sends.

use serde_json::{Value, json};

use crate::process::Installation;
use crate::support::eventually;

/// Waits for the last line of a request and returns all its lines.
async fn lines_of(installation: &Installation, request_id: &str) -> Vec<Value> {
    eventually("the request's line", async || {
        let text = std::fs::read_to_string(installation.folder.path().join("log")).ok()?;
        let all: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect();
        let is_its = |line: &&Value| {
            line["request_id"] == request_id
                || line["spans"]
                    .as_array()
                    .is_some_and(|spans| spans.iter().any(|s| s["request_id"] == request_id))
        };
        let its: Vec<Value> = all.iter().filter(is_its).cloned().collect();
        (its.last()?["message"] == "request completed").then_some(its)
    })
    .await
}

#[tokio::test]
async fn request_has_one_log_line() {
    let installation =
        Installation::new(&[("LOG_FORMAT", "json"), ("SANDBOX", "true"), ("RUST_LOG", "info,sqlx=warn")]);
    let key = installation.customer();
    let process = installation.serve().await;
    let client = process.client(&key);
    let me = client.call("GET", "/api/v1/me", crate::client::Body::None).await.data(200);
    for replayed in [Value::Null, json!(true)] {
        let buy = client.request("POST", "/api/v1/assistants/purchase").header("idempotency-key", "once");
        let buy = buy.header("x-request-id", if replayed.is_null() { "first" } else { "again" });
        let answer = buy.json(&json!({"apiMode": "byok"})).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let length = answer.content_length().unwrap();
        let lines = lines_of(&installation, if replayed.is_null() { "first" } else { "again" }).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        assert_eq!(line["level"], "INFO");
        assert_eq!(
            (&line["method"], &line["route"]),
            (&json!("POST"), &json!("/api/v1/assistants/purchase"))
        );
        assert_eq!(
            (&line["status"], &line["bytes"], &line["replayed"]),
            (&json!(201), &json!(length), &replayed)
        );
        assert_eq!((&line["user_id"], &line["key_id"]), (&me["userId"], &me["keyId"]));
        assert!(line["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{line}");
    }
    // A request without a valid key to an unknown path.
    let lost = process.http.get(format!("{}/api/v1/nothing%0aINFO%20forged", process.base));
    let lost = lost.header("x-request-id", "lost").header("x-api-key", "forged").send().await.unwrap();
    assert_eq!(lost.status(), 404);
    let lines = lines_of(&installation, "lost").await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["user_id"], &lines[0]["route"]), (&Value::Null, &json!("/api/{*rest}")));
    // An invalid inbound id is replaced.
    let odd = process.http.get(format!("{}/healthz", process.base)).header("x-request-id", "a b\tc");
    let given = odd.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(lines_of(&installation, &given).await.len(), 1);
}

#[tokio::test]
async fn refused_checkout_is_logged_without_email() {
    let installation = Installation::new(&[("LOG_FORMAT", "json"), ("SANDBOX", "true")]);
    let key = installation.customer();
    let process = installation.serve().await;
    let body =
        json!({"error": "CheckoutCustomerExternalIdMismatch", "detail": "It is ada@example.org's\nalready."});
    let fault = json!([{"path": "*/checkouts/", "status": 422, "body": body}]);
    let faults = process.http.put(format!("{}/sandbox/faults", process.base));
    assert_eq!(faults.json(&fault).send().await.unwrap().status(), 200);
    let buy = process.client(&key).request("POST", "/api/v1/assistants/purchase");
    let buy = buy.header("x-request-id", "refused").json(&json!({"apiMode": "byok"}));
    assert_eq!(buy.send().await.unwrap().status(), 500);
    let lines = lines_of(&installation, "refused").await;
    let said = "payment provider refused the checkout: 422 CheckoutCustomerExternalIdMismatch: It is …@example.org's already.";
    assert_eq!(lines.iter().filter(|line| line["error"] == said).count(), 1, "{lines:#?}");
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.to_string().contains("ada@")));
}

#[tokio::test]
async fn internal_error_is_logged_once_with_cause() {
    let installation = Installation::new(&[("LOG_FORMAT", "json"), ("SANDBOX", "true")]);
    let key = installation.customer();
    let process = installation.serve().await;
    let faults = process.http.put(format!("{}/sandbox/faults", process.base));
    let fault = json!([{"path": "*/checkouts/", "status": 500, "times": 9}]);
    assert_eq!(faults.json(&fault).send().await.unwrap().status(), 200);
    let buy = process.client(&key).request("POST", "/api/v1/assistants/purchase");
    let buy = buy.header("x-request-id", "failing").json(&json!({"apiMode": "byok"}));
    assert_eq!(buy.send().await.unwrap().status(), 500);
    let lines = lines_of(&installation, "failing").await;
    let of = |level: &str| lines.iter().filter(|line| line["level"] == level).count();
    let last = lines.last().unwrap();
    assert_eq!((&last["level"], &last["status"]), (&json!("ERROR"), &json!(500)));
    // The vendor's failure is logged once, in addition to the request's line.
    assert_eq!(of("ERROR") + of("WARN"), 2, "{lines:#?}");
    assert!(
        lines.iter().any(|line| line["error"].as_str().is_some_and(|error| error.contains("500"))),
        "{lines:#?}"
    );
}
