//! Faults, the request log, the webhook receiver and the front page.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{World, expect, send};

const GET_ME: &str = "/sandbox/telegram/bot123456:okAAbbCCddEEffGGhhIIjj/getMe";

#[tokio::test]
async fn faults_apply_the_configured_number_of_times_in_the_vendors_format() {
    let world = World::start().await;
    let faults = json!([
        {"path": "/telegram/*/getMe", "status": 502, "times": 2},
        {"path": "/sandbox/polar/v1/checkouts", "method": "get", "status": 500},
        {"path": "/v1/messages", "status": 529},
        {"path": "*/models", "delayMs": 300, "status": null}]);
    expect(200, world.put("/sandbox/faults").json(&faults)).await;
    for status in [502, 502] {
        let answer = expect(status, world.get(GET_ME)).await;
        assert_eq!((&answer["ok"], &answer["error_code"]), (&json!(false), &json!(502)));
    }
    expect(200, world.get(GET_ME)).await;
    assert_eq!(expect(200, world.get("/sandbox/faults")).await["data"].as_array().unwrap().len(), 3);
    let polar = expect(500, world.get("/sandbox/polar/v1/checkouts/").bearer_auth("t")).await;
    assert!(polar["detail"].is_string(), "{polar}");
    assert_eq!(
        expect(529, world.post("/sandbox/anthropic/v1/messages")).await["error"]["type"],
        "overloaded_error"
    );
    let started = Instant::now();
    expect(200, world.get("/sandbox/openai/v1/models").bearer_auth("k")).await;
    assert!(started.elapsed() >= Duration::from_millis(300));
    let body =
        json!({"ok": false, "error_code": 400, "description": "Bad Request: message thread not found"});
    let faults = json!([{"path": "/telegram/*", "status": 400, "body": body}, {"path": "/telegram/*", "body": {"a": 1}}]);
    expect(200, world.put("/sandbox/faults").json(&faults)).await;
    assert_eq!(expect(400, world.get(GET_ME)).await, body);
    assert_eq!(expect(200, world.get(GET_ME)).await, json!({"a": 1}));
    expect(200, world.put("/sandbox/faults").json(&json!([{"path": "*", "times": 100}]))).await;
    expect(500, world.get(GET_ME)).await;
    expect(200, world.put("/sandbox/faults").json(&json!([]))).await;
    expect(200, world.get(GET_ME)).await;
    for bad in [
        json!({}),
        json!([{}]),
        json!([{"path": "x", "surprise": 1}]),
        json!([{"path": "x", "times": "2"}]),
        json!([{"path": "x", "status": 99}]),
        json!([{"path": "x", "status": 600}]),
        json!([{"path": ""}]),
        json!([{"path": "x", "times": 0}]),
        json!([{"path": "x", "delayMs": -1}]),
        json!([{"path": "x", "delayMs": 600_001}]),
        json!([{"path": "x", "drop": "yes"}]),
        json!([{"path": "x", "twice": true, "status": 500}]),
        json!([{"path": "/webhooks/polar", "body": {}}]),
        json!([{"path": "x", "body": "x".repeat(17_000)}]),
        json!(vec![json!({"path": "x"}); 101]),
        // One invalid fault rejects the whole list.
        json!([{"path": "x"}, {"path": "x", "times": 0}]),
    ] {
        expect(400, world.put("/sandbox/faults").json(&bad)).await;
    }
    assert_eq!(expect(200, world.get("/sandbox/faults")).await["data"], json!([]));
}

#[tokio::test]
async fn dropped_call_returns_no_byte() {
    let world = World::start().await;
    expect(200, world.put("/sandbox/faults").json(&json!([{"path": "/telegram/*", "drop": true}]))).await;
    let mut stream = TcpStream::connect(world.base.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(format!("GET {GET_ME} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap();
    assert!(read.is_err() || answer.is_empty(), "{:?}", String::from_utf8_lossy(&answer));
    let log = expect(200, world.get("/sandbox/requests")).await;
    assert_eq!(log["data"][0]["status"], Value::Null);
    expect(200, world.get(GET_ME)).await;
}

#[tokio::test]
async fn request_log_masks_secrets() {
    let world = World::start().await;
    let webhook = json!({"url": "https://example.com/x", "secret_token": "hush-hush"});
    expect(200, world.post(&GET_ME.replace("getMe", "setWebhook")).json(&webhook)).await;
    let body = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "my key is sk-ant-verysecret"}]});
    expect(401, world.post("/sandbox/anthropic/v1/messages").header("x-api-key", "sk-refused").json(&body))
        .await;
    expect(200, world.get("/sandbox/polar/")).await;
    let log = expect(200, world.get("/sandbox/requests")).await;
    let calls = log["data"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["path"], "/sandbox/telegram/bot123456:***/setWebhook");
    assert_eq!(
        (&calls[0]["vendor"], &calls[0]["method"], &calls[0]["status"]),
        (&json!("telegram"), &json!("POST"), &json!(200))
    );
    assert_eq!(calls[0]["body"], json!({"url": "https://example.com/x", "secret_token": "***"}));
    assert_eq!(calls[1]["body"]["messages"][0]["content"], "my key is sk-***");
    for secret in ["hush", "verysecret", "AAbbCC", "refused"] {
        assert!(!log.to_string().contains(secret), "{secret}");
    }
    let one = expect(200, world.get("/sandbox/requests?vendor=anthropic")).await;
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    let all = expect(200, world.get("/sandbox/requests?vendor=")).await;
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    expect(400, world.get("/sandbox/requests?vendor=aol")).await;
}

#[tokio::test]
async fn request_log_keeps_the_last_thousand_calls() {
    let world = World::start().await;
    expect(200, world.get(&GET_ME.replace("123456", "654321"))).await;
    for _ in 0..1_000 {
        expect(200, world.get(GET_ME)).await;
    }
    let log = expect(200, world.get("/sandbox/requests")).await;
    let calls = log["data"].as_array().unwrap();
    assert_eq!(calls.len(), 1_000);
    assert!(calls.iter().all(|call| call["path"].as_str().unwrap().contains("bot123456:")));
}

#[tokio::test]
async fn received_webhooks_are_listed_with_verified_signatures() {
    let world = World::start().await;
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let body = r#"{"type":"assistant.status_changed","data":{"status":"<active>"}}"#;
    let signature =
        Webhook::new(secret).unwrap().sign("msg_1", i64::try_from(now).unwrap(), body.as_bytes()).unwrap();
    for signature in [format!("v1,AAAA {signature}"), "v1,AAAA".to_owned()] {
        let request = world
            .post("/sandbox/callbacks/mine")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", now.to_string());
        expect(200, request.header("webhook-signature", signature).body(body)).await;
    }
    let path = "/sandbox/callbacks/mine";
    let verdicts = async || {
        let list = expect(200, world.get(&format!("{path}?format=json"))).await;
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["signature"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(verdicts().await, ["unchecked", "unchecked"]);
    expect(400, world.post(&format!("{path}/secret")).form(&[("secret", "nonsense")])).await;
    expect(303, world.post(&format!("{path}/secret")).form(&[("secret", secret)])).await;
    assert_eq!(verdicts().await, ["valid", "invalid"]);
    let page = send(world.get(path)).await.text().await.unwrap();
    assert!(page.contains("&lt;active&gt;") && page.contains("valid") && !page.contains(secret), "{page}");
    let names = send(world.get("/sandbox/callbacks/")).await.text().await.unwrap();
    assert!(names.contains("/sandbox/callbacks/mine"), "{names}");
}

#[tokio::test]
async fn front_page_links_to_every_part() {
    let world = World::start().await;
    let front = send(world.get("/sandbox/")).await.text().await.unwrap();
    for part in ["polar/", "telegram/", "callbacks/", "requests", "faults"] {
        assert!(front.contains(&format!("href=\"/sandbox/{part}\"")), "{part}");
        expect(200, world.get(&format!("/sandbox/{part}"))).await;
    }
}
