//! Callbacks: their signature by Standard Webhooks, sequence numbers and retries.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

use crate::support::{App, Database, activation, bot_token, eventually, merged};

/// A customer's server, which records requests and answers with the given statuses, then with 200.
#[derive(Clone, Default)]
pub struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    /// Starts a receiver, and returns it with the `CALLBACK_OVERRIDES` entry that maps `hooks.test` to it.
    pub async fn start(answers: &[u16]) -> (Self, String) {
        let this = Self::default();
        this.answers.lock().unwrap().extend(answers);
        let receive =
            async |State(this): State<Self>, headers: HeaderMap, body: Bytes| this.receive(headers, body);
        let routes = Router::new().route("/{*path}", post(receive)).with_state(this.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("hooks.test=http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (this, target)
    }

    fn receive(&self, headers: HeaderMap, body: Bytes) -> StatusCode {
        self.got.lock().unwrap().push((headers, body));
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.is_empty() { 200 } else { answers.remove(0) };
        StatusCode::from_u16(answer).unwrap()
    }

    /// All requests, in the order in which they arrived.
    pub fn got(&self) -> Vec<(HeaderMap, Bytes)> {
        self.got.lock().unwrap().clone()
    }

    /// Waits for `count` different bodies and returns them ordered by sequence.
    pub async fn bodies(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} callbacks"), async || {
            let mut all: Vec<Value> =
                self.got().iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
            all.sort_by_key(|body| body["data"]["sequence"].as_i64());
            all.dedup();
            (all.len() >= count).then_some(all)
        })
        .await
    }
}

#[tokio::test]
async fn callbacks_are_signed_and_numbered() {
    for database in [Database::Sqlite, Database::Postgres] {
        let (receiver, target) = Receiver::start(&[]).await;
        let app = App::start_on(database, &[("CALLBACK_OVERRIDES", &target)]).await;
        let me = app.customer().await;
        let id = me.purchased("byok").await;
        let token = bot_token("ok");
        let body = merged(activation(&token), json!({"callbackUrl": "https://hooks.test/life?x=1"}));
        me.ok("POST", &format!("/{id}/activate"), body).await;
        let active = me.wait_for_status(&id, "active").await;
        me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
        me.ok("DELETE", &format!("/{id}"), Value::Null).await;
        let bodies = receiver.bodies(4).await;
        let facts: Vec<Value> = bodies
            .iter()
            .map(|body| json!([body["type"], body["data"]["previousStatus"], body["data"]["status"]]))
            .collect();
        let changed = "assistant.status_changed";
        assert_eq!(
            facts,
            [
                json!([changed, "purchased", "deploying"]),
                json!([changed, "deploying", "active"]),
                json!([changed, "active", "stopped"]),
                json!(["assistant.deleted", "stopped", "stopped"]),
            ]
        );
        let first = bodies[0]["data"]["sequence"].as_i64().unwrap();
        for (sequence, body) in (first..).zip(&bodies) {
            assert_eq!(body["data"]["sequence"], sequence, "a sequence number is missing");
            assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["type", "timestamp", "data"]);
            let keys: Vec<_> = body["data"].as_object().unwrap().keys().collect();
            let expected = ["id", "status", "statusMessage", "workerUrl", "previousStatus", "sequence"];
            assert_eq!(keys, expected);
            assert_eq!(
                (body["data"]["id"].as_str(), body["timestamp"].as_str().unwrap().len()),
                (Some(&*id), 24)
            );
        }
        assert_eq!(bodies[1]["data"]["workerUrl"], active["workerUrl"]);
        let secret = app.services.get_signing_secret(me.user).await.unwrap();
        let webhook = Webhook::new(secret.expose_secret()).unwrap();
        for (headers, body) in receiver.got() {
            webhook.verify(&body, &headers).expect("invalid signature");
            assert_eq!(headers["content-type"], "application/json");
            assert!(!String::from_utf8_lossy(&body).contains(&token));
        }
    }
}

#[tokio::test]
async fn failed_callback_is_retried_after_5_s() {
    let (receiver, target) = Receiver::start(&[500]).await;
    let app = App::start_with(&[("CALLBACK_OVERRIDES", &target)]).await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let body = merged(activation(&bot_token("ok")), json!({"callbackUrl": "https://hooks.test/again"}));
    me.ok("POST", &format!("/{id}/activate"), body).await;
    // A failing receiver does not delay the deployment.
    me.wait_for_status(&id, "active").await;
    let started = std::time::Instant::now();
    let attempts = eventually("the second attempt", async || {
        let got = receiver.got();
        let first = got.first()?.0["webhook-id"].clone();
        let tries: Vec<_> = got.into_iter().filter(|(headers, _)| headers["webhook-id"] == first).collect();
        (tries.len() == 2).then_some(tries)
    })
    .await;
    let waited = started.elapsed().as_secs_f64();
    assert!((4.0..7.5).contains(&waited), "{waited}");
    assert_eq!(attempts[0].1, attempts[1].1, "the same body, byte for byte");
    let secret = app.services.get_signing_secret(me.user).await.unwrap();
    Webhook::new(secret.expose_secret()).unwrap().verify(&attempts[1].1, &attempts[1].0).unwrap();
}

#[tokio::test]
async fn sandbox_receives_callbacks() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let body = merged(
        activation(&bot_token("revoked")),
        json!({"callbackUrl": "https://callbacks.sandbox.test/mine"}),
    );
    me.ok("POST", &format!("/{id}/activate"), body).await;
    let failed = me.wait_for_status(&id, "failed").await;
    let last = eventually("the callback of the failure", async || {
        let url = app.url("/sandbox/callbacks/mine?format=json");
        let all: Value = app.http.get(url).send().await.unwrap().json().await.unwrap();
        all["data"].as_array().unwrap().iter().find(|c| c["body"]["data"]["status"] == "failed").cloned()
    })
    .await;
    assert_eq!(last["body"]["data"]["statusMessage"], failed["statusMessage"]);
    assert_eq!(last["body"]["data"]["previousStatus"], "deploying");
}
