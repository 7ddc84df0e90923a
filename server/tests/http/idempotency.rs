//! `Idempotency-Key`: a repeated request runs once and gets the saved response.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::client::{ASSISTANTS, Answer, Client};
use crate::postgres::TestDatabase;
use crate::process::Installation;
use crate::support::{App, issues, on_both_databases, pairs};

/// Sends a request with an idempotency key below the assistants' path.
async fn once(client: &Client, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    let request = client.request(method, &format!("{ASSISTANTS}{path}")).header("Idempotency-Key", key);
    Answer::of(if body.is_null() { request } else { request.json(body) }).await
}

on_both_databases! {
    async fn the_first_answer_is_repeated(app) {
        let me = app.customer().await;
        let buy = json!({"apiMode": "byok"});
        let first = once(&me, "a", "POST", "/purchase", &buy).await;
        assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
        for _ in 0..2 {
            let again = once(&me, "a", "POST", "/purchase", &buy).await;
            assert_eq!((again.status, &again.text), (201, &first.text));
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
        }
        assert_eq!(me.get("").await.as_array().unwrap().len(), 1);
        // Another key is another request, and so is the same key of another account.
        assert_ne!(once(&me, "b", "POST", "/purchase", &buy).await.text, first.text);
        let other = app.customer().await;
        assert_eq!(once(&other, "a", "POST", "/purchase", &buy).await.header("idempotency-replayed"), None);
        // The same key with another body, path or method is rejected.
        let managed = json!({"apiMode": "managed"});
        once(&me, "a", "POST", "/purchase", &managed).await.error(422, "IDEMPOTENCY_KEY_REUSED");
        let id = first.data(201)["deploymentId"].as_str().unwrap().to_owned();
        once(&me, "a", "DELETE", &format!("/{id}"), &Value::Null).await.error(422, "IDEMPOTENCY_KEY_REUSED");
        // The query string is not part of the fingerprint.
        let again = once(&me, "a", "POST", "/purchase?try=2", &buy).await;
        assert_eq!((again.text.as_str(), again.header("idempotency-replayed")), (first.text.as_str(), Some("true")));
        // Rejections are replayed, too, and so is the success of a deletion.
        for _ in 0..2 {
            once(&me, "c", "POST", &format!("/{id}/stop"), &Value::Null).await.error(409, "INVALID_STATE");
            let gone = once(&me, "d", "DELETE", &format!("/{id}"), &Value::Null).await;
            assert_eq!(gone.data(200), json!({"success": true}));
        }
    }

    async fn a_long_refusal_is_answered_and_kept_short(app) {
        let me = app.customer().await;
        let mut body = json!({});
        for number in 0..3000 {
            body[format!("unknown-{number}")] = json!(1);
        }
        let first = once(&me, "long", "POST", "/purchase", &body).await;
        let error = first.error(400, "INVALID_REQUEST");
        assert_eq!((error["details"]["issues"].as_array().map(Vec::len), &error["details"]["omitted"]), (Some(20), &json!(2981)));
        assert!(first.text.len() < 4096, "{}", first.text.len());
        let again = once(&me, "long", "POST", "/purchase", &body).await;
        assert_eq!((&again.text, again.header("idempotency-replayed")), (&first.text, Some("true")));
        // A very long unknown key is not repeated in the response.
        let long = once(&me, "longer", "POST", "/purchase", &json!({"x".repeat(60_000): 1})).await;
        assert!(long.text.len() < 1024, "{}", long.text.len());
        long.error(400, "INVALID_REQUEST");
        // A short list of issues is complete.
        let few = once(&me, "few", "POST", "/purchase", &json!({"a": 1})).await.error(400, "INVALID_REQUEST");
        assert_eq!(issues(&few).len(), 2);
        assert!(few["details"].get("omitted").is_none());
    }

    async fn of_many_at_once_one_is_carried_out(app) {
        let me = app.customer().await;
        let buy = json!({"apiMode": "byok"});
        let answers = join_all((0..6).map(|_| once(&me, "same", "POST", "/purchase", &buy))).await;
        for answer in &answers {
            match answer.status {
                201 => assert!(answer.text == answers.iter().find(|a| a.status == 201).unwrap().text),
                _ => drop(answer.error(409, "REQUEST_IN_PROGRESS")),
            }
        }
        assert_eq!(me.get("").await.as_array().unwrap().len(), 1);
        once(&me, "same", "POST", "/purchase", &buy).await.data(201);
    }
}

#[tokio::test]
async fn it_survives_a_restart() {
    let here = Installation::new(&[]);
    let key = here.customer();
    let buy = json!({"apiMode": "byok"});
    let mut process = here.serve().await;
    let first = once(&process.client(&key), "a", "POST", "/purchase", &buy).await;
    process.kill();
    let process = here.serve().await;
    let again = once(&process.client(&key), "a", "POST", "/purchase", &buy).await;
    assert_eq!((again.data(201), again.header("idempotency-replayed")), (first.data(201), Some("true")));
    let other = json!({"apiMode": "managed"});
    once(&process.client(&key), "a", "POST", "/purchase", &other).await.error(422, "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn it_holds_across_replicas() {
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
    let answers = join_all((0..8).map(|n| once(&clients[n % 2], "a", "POST", "/purchase", &buy))).await;
    let made: Vec<_> =
        answers.iter().filter(|answer| answer.status == 201).map(|answer| answer.data(201)).collect();
    assert!(!made.is_empty() && made.iter().all(|bought| *bought == made[0]), "{made:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.error(409, "REQUEST_IN_PROGRESS");
    }
    for client in &clients {
        assert_eq!(once(client, "a", "POST", "/purchase", &buy).await.data(201), made[0]);
        assert_eq!(client.get("").await.as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_key_is_visible_ascii() {
    let app = App::start().await;
    let me = app.customer().await;
    let buy = json!({"apiMode": "byok"});
    for bad in ["", " ", "a b", &"x".repeat(256)] {
        let error = once(&me, bad, "POST", "/purchase", &buy).await.error(400, "INVALID_REQUEST");
        assert_eq!(issues(&error), pairs(&[("Idempotency-Key", "invalid_value")]), "{bad}");
    }
    once(&me, &"x".repeat(255), "POST", "/purchase", &buy).await.data(201);
    // An invalid key is reported after scope and ownership were checked.
    let (reader, _) = app.key(me.user, "read", None).await;
    once(&reader, "a b", "POST", "/purchase", &buy).await.error(403, "FORBIDDEN");
    once(&me, "a b", "DELETE", "/nonsense", &Value::Null).await.error(404, "NOT_FOUND");
    let id = me.purchase("byok").await.0;
    let error =
        once(&me, "a b", "POST", &format!("/{id}/stop"), &Value::Null).await.error(400, "INVALID_REQUEST");
    assert_eq!(error["message"], "Invalid request header");
    once(&me, "a b", "DELETE", &format!("/{id}"), &Value::Null).await.error(400, "INVALID_REQUEST");
    assert_eq!(me.get(&format!("/{id}")).await["status"], "pending_payment");
}

#[tokio::test]
async fn what_may_be_otherwise_next_time_is_not_kept() {
    let app = App::start().await;
    let me = app.customer().await;
    let buy = json!({"apiMode": "byok"});
    app.faults(json!([{"method": "POST", "path": "*/v1/checkouts*", "status": 500, "times": 5}])).await;
    once(&me, "k", "POST", "/purchase", &buy).await.error(500, "INTERNAL_ERROR");
    app.faults(json!([])).await;
    let nobody = app.anonymous();
    once(&nobody, "k", "POST", "/purchase", &buy).await.error(401, "UNAUTHORIZED");
    let (reader, _) = app.key(me.user, "read", None).await;
    once(&reader, "k", "POST", "/purchase", &buy).await.error(403, "FORBIDDEN");
    let made = once(&me, "k", "POST", "/purchase", &buy).await;
    assert_eq!((made.status, made.header("idempotency-replayed")), (201, None));
    // A saved response is not returned to callers that may not send the request.
    once(&reader, "k", "POST", "/purchase", &buy).await.error(403, "FORBIDDEN");
    once(&nobody, "k", "POST", "/purchase", &buy).await.error(401, "UNAUTHORIZED");
    let revoked = app.revoked(me.user).await;
    once(&revoked, "k", "POST", "/purchase", &buy).await.error(401, "UNAUTHORIZED");
}
