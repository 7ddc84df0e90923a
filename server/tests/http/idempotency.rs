//! `Idempotency-Key`: a repeated request runs once and gets the saved response.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::client::{ASSISTANTS, ApiResponse, Client};
use crate::postgres::TestDatabase;
use crate::process::Installation;
use crate::support::{App, issues, on_both_databases, pairs};

/// Sends a request with an idempotency key below the assistants' path.
async fn send_with_key(client: &Client, key: &str, method: &str, path: &str, body: &Value) -> ApiResponse {
    let request = client.request(method, &format!("{ASSISTANTS}{path}")).header("Idempotency-Key", key);
    ApiResponse::send(if body.is_null() { request } else { request.json(body) }).await
}

on_both_databases! {
    async fn first_response_is_replayed(app) {
        let me = app.customer().await;
        let buy = json!({"apiMode": "byok"});
        let first = send_with_key(&me, "a", "POST", "/purchase", &buy).await;
        assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
        for _ in 0..2 {
            let again = send_with_key(&me, "a", "POST", "/purchase", &buy).await;
            assert_eq!((again.status, &again.text), (201, &first.text));
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
        }
        assert_eq!(me.get("").await.as_array().unwrap().len(), 1);
        // Another key is another request, and so is the same key of another account.
        assert_ne!(send_with_key(&me, "b", "POST", "/purchase", &buy).await.text, first.text);
        let other = app.customer().await;
        assert_eq!(send_with_key(&other, "a", "POST", "/purchase", &buy).await.header("idempotency-replayed"), None);
        // The same key with another body, path or method is rejected.
        let managed = json!({"apiMode": "managed"});
        send_with_key(&me, "a", "POST", "/purchase", &managed).await.error(422, "IDEMPOTENCY_KEY_REUSED");
        let id = first.data(201)["deploymentId"].as_str().unwrap().to_owned();
        send_with_key(&me, "a", "DELETE", &format!("/{id}"), &Value::Null).await.error(422, "IDEMPOTENCY_KEY_REUSED");
        // The query string is not part of the fingerprint.
        let again = send_with_key(&me, "a", "POST", "/purchase?try=2", &buy).await;
        assert_eq!((again.text.as_str(), again.header("idempotency-replayed")), (first.text.as_str(), Some("true")));
        // Rejections are replayed, too, and so is the success of a deletion.
        for _ in 0..2 {
            send_with_key(&me, "c", "POST", &format!("/{id}/stop"), &Value::Null).await.error(409, "INVALID_STATE");
            let gone = send_with_key(&me, "d", "DELETE", &format!("/{id}"), &Value::Null).await;
            assert_eq!(gone.data(200), json!({"success": true}));
        }
    }

    async fn long_rejection_is_shortened(app) {
        let me = app.customer().await;
        let mut body = json!({});
        for number in 0..3000 {
            body[format!("unknown-{number}")] = json!(1);
        }
        let first = send_with_key(&me, "long", "POST", "/purchase", &body).await;
        let error = first.error(400, "INVALID_REQUEST");
        assert_eq!((error["details"]["issues"].as_array().map(Vec::len), &error["details"]["omitted"]), (Some(20), &json!(2981)));
        assert!(first.text.len() < 4096, "{}", first.text.len());
        let again = send_with_key(&me, "long", "POST", "/purchase", &body).await;
        assert_eq!((&again.text, again.header("idempotency-replayed")), (&first.text, Some("true")));
        // A very long unknown key is not repeated in the response.
        let long = send_with_key(&me, "longer", "POST", "/purchase", &json!({"x".repeat(60_000): 1})).await;
        assert!(long.text.len() < 1024, "{}", long.text.len());
        long.error(400, "INVALID_REQUEST");
        // A short list of issues is complete.
        let few = send_with_key(&me, "few", "POST", "/purchase", &json!({"a": 1})).await.error(400, "INVALID_REQUEST");
        assert_eq!(issues(&few).len(), 2);
        assert!(few["details"].get("omitted").is_none());
    }

    async fn concurrent_requests_run_once(app) {
        let me = app.customer().await;
        let buy = json!({"apiMode": "byok"});
        let answers = join_all((0..6).map(|_| send_with_key(&me, "same", "POST", "/purchase", &buy))).await;
        for answer in &answers {
            match answer.status {
                201 => assert!(answer.text == answers.iter().find(|a| a.status == 201).unwrap().text),
                _ => drop(answer.error(409, "REQUEST_IN_PROGRESS")),
            }
        }
        assert_eq!(me.get("").await.as_array().unwrap().len(), 1);
        send_with_key(&me, "same", "POST", "/purchase", &buy).await.data(201);
    }
}

#[tokio::test]
async fn key_survives_restart() {
    let installation = Installation::new(&[]);
    let key = installation.customer();
    let buy = json!({"apiMode": "byok"});
    let mut process = installation.serve().await;
    let first = send_with_key(&process.client(&key), "a", "POST", "/purchase", &buy).await;
    process.kill();
    let process = installation.serve().await;
    let again = send_with_key(&process.client(&key), "a", "POST", "/purchase", &buy).await;
    assert_eq!((again.data(201), again.header("idempotency-replayed")), (first.data(201), Some("true")));
    let other = json!({"apiMode": "managed"});
    send_with_key(&process.client(&key), "a", "POST", "/purchase", &other)
        .await
        .error(422, "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn key_holds_across_replicas() {
    let database = TestDatabase::create().await;
    let vars = [
        ("DATABASE_URL", database.url.as_str()),
        ("SECRET_KEY", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="),
    ];
    let (one, two) = (Installation::new(&vars), Installation::new(&vars));
    let key = one.customer();
    let (one, two) = (one.serve().await, two.serve().await);
    let clients = [one.client(&key), two.client(&key)];
    let buy = json!({"apiMode": "byok"});
    let answers =
        join_all((0..8).map(|n| send_with_key(&clients[n % 2], "a", "POST", "/purchase", &buy))).await;
    let made: Vec<_> =
        answers.iter().filter(|answer| answer.status == 201).map(|answer| answer.data(201)).collect();
    assert!(!made.is_empty() && made.iter().all(|bought| *bought == made[0]), "{made:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.error(409, "REQUEST_IN_PROGRESS");
    }
    for client in &clients {
        assert_eq!(send_with_key(client, "a", "POST", "/purchase", &buy).await.data(201), made[0]);
        assert_eq!(client.get("").await.as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn invalid_key_is_rejected() {
    let app = App::start().await;
    let me = app.customer().await;
    let buy = json!({"apiMode": "byok"});
    for bad in ["", " ", "a b", &"x".repeat(256)] {
        let error = send_with_key(&me, bad, "POST", "/purchase", &buy).await.error(400, "INVALID_REQUEST");
        assert_eq!(issues(&error), pairs(&[("Idempotency-Key", "invalid_value")]), "{bad}");
    }
    send_with_key(&me, &"x".repeat(255), "POST", "/purchase", &buy).await.data(201);
    // An invalid key is reported only after scope and ownership have been checked.
    let (reader, _) = app.key(me.user, "read", None).await;
    send_with_key(&reader, "a b", "POST", "/purchase", &buy).await.error(403, "FORBIDDEN");
    send_with_key(&me, "a b", "DELETE", "/nonsense", &Value::Null).await.error(404, "NOT_FOUND");
    let id = me.purchase("byok").await.0;
    let error = send_with_key(&me, "a b", "POST", &format!("/{id}/stop"), &Value::Null)
        .await
        .error(400, "INVALID_REQUEST");
    assert_eq!(error["message"], "Invalid request header");
    send_with_key(&me, "a b", "DELETE", &format!("/{id}"), &Value::Null).await.error(400, "INVALID_REQUEST");
    assert_eq!(me.get(&format!("/{id}")).await["status"], "pending_payment");
}

#[tokio::test]
async fn transient_errors_are_not_saved() {
    let app = App::start().await;
    let me = app.customer().await;
    let buy = json!({"apiMode": "byok"});
    app.faults(json!([{"method": "POST", "path": "*/v1/checkouts*", "status": 500, "times": 5}])).await;
    send_with_key(&me, "k", "POST", "/purchase", &buy).await.error(500, "INTERNAL_ERROR");
    app.faults(json!([])).await;
    let nobody = app.anonymous();
    send_with_key(&nobody, "k", "POST", "/purchase", &buy).await.error(401, "UNAUTHORIZED");
    let (reader, _) = app.key(me.user, "read", None).await;
    send_with_key(&reader, "k", "POST", "/purchase", &buy).await.error(403, "FORBIDDEN");
    let made = send_with_key(&me, "k", "POST", "/purchase", &buy).await;
    assert_eq!((made.status, made.header("idempotency-replayed")), (201, None));
    // A saved response is not returned to callers that may not send the request.
    send_with_key(&reader, "k", "POST", "/purchase", &buy).await.error(403, "FORBIDDEN");
    send_with_key(&nobody, "k", "POST", "/purchase", &buy).await.error(401, "UNAUTHORIZED");
    let revoked = app.revoked_client(me.user).await;
    send_with_key(&revoked, "k", "POST", "/purchase", &buy).await.error(401, "UNAUTHORIZED");
}
