//! `POST …/redeploy`: what it keeps, what it changes, and concurrent requests.

use futures::future::join;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::client::ApiResponse;
use crate::support::{App, activation, bot_token, issues, merged, on_both_databases, pairs};

#[tokio::test]
async fn redeploy_without_body_keeps_configuration() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let url = "https://callbacks.sandbox.test/kept";
    let body = merged(activation(&bot_token("ok")), json!({"callbackUrl": url}));
    me.ok("POST", &format!("/{id}/activate"), body).await;
    let path = format!("/api/v1/assistants/{id}/redeploy");
    let json = "application/json";
    let requests = [
        me.request("POST", &path),
        me.request("POST", &path).body(""),
        me.request("POST", &path).header(CONTENT_TYPE, json).body(""),
        me.request("POST", &path).header(CONTENT_TYPE, json).body("{}"),
    ];
    for request in requests {
        let before = me.wait_for_status(&id, "active").await;
        let record = ApiResponse::send(request).await.data(200);
        let expected = merged(
            before,
            json!({"status": "deploying", "workerUrl": null, "updatedAt": record["updatedAt"]}),
        );
        assert_eq!(record, expected);
        assert_eq!(record["userCallbackUrl"], url);
    }
    me.wait_for_status(&id, "active").await;
}

#[tokio::test]
async fn callback_url_is_replaced_or_removed() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    let path = format!("/{id}/redeploy");
    let url = "https://callbacks.sandbox.test/new";
    for (body, kept) in [
        (json!({"callbackUrl": url}), json!(url)),
        (json!({}), json!(url)),
        (json!({"callbackUrl": null}), Value::Null),
        (json!({"callbackUrl": null}), Value::Null),
    ] {
        assert_eq!(me.ok("POST", &path, body).await["userCallbackUrl"], kept);
        assert_eq!(me.wait_for_status(&id, "active").await["userCallbackUrl"], kept);
    }
    for bad in ["http://example.com/", "https://10.0.0.1/", "", "https://localhost/"] {
        let error = me.fails(400, "INVALID_REQUEST", "POST", &path, json!({"callbackUrl": bad})).await;
        assert_eq!(issues(&error), pairs(&[("callbackUrl", "invalid_url")]), "{bad}");
    }
    let error = me.fails(400, "INVALID_REQUEST", "POST", &path, json!({"callbackUrl": null, "x": 1})).await;
    assert_eq!(issues(&error), pairs(&[("x", "unknown_key")]));
    assert_eq!(me.get(&format!("/{id}")).await["status"], "active");
}

#[tokio::test]
async fn redeploy_uses_patched_configuration() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("failed").await;
    let path = format!("/{id}");
    assert_eq!(me.get(&path).await["isPrebuy"], false, "a failed deployment does not restore the prebuy");
    let token = bot_token("ok");
    me.ok("PATCH", &path, json!({"telegramBotToken": token, "name": "Fixed"})).await;
    me.ok("POST", &format!("{path}/redeploy"), Value::Null).await;
    let active = me.wait_for_status(&id, "active").await;
    assert_eq!((&active["name"], &active["statusMessage"]), (&json!("Fixed"), &Value::Null));
    // The bot of the new token answers.
    let bot_id = token.split(':').next().unwrap();
    let chat = app.url(&format!("/sandbox/telegram/bots/{bot_id}/messages"));
    let said = app.http.post(&chat).json(&json!({"chatId": 1, "text": "hello"})).send().await.unwrap();
    assert!(said.status().is_success());
    crate::support::eventually("an answer", async || {
        let messages: Value =
            app.http.get(&chat).query(&[("chatId", "1")]).send().await.unwrap().json().await.unwrap();
        messages["data"].as_array().unwrap().iter().any(|m| m["from"] == "bot").then_some(())
    })
    .await;
}

on_both_databases! {
    async fn concurrent_redeploys_one_succeeds(app) {
        let me = app.customer().await;
        let id = me.active().await;
        let path = format!("/{id}/redeploy");
        for _ in 0..3 {
            // The first request must still be running when the second one arrives.
            app.faults(json!([{"path": "*/getMe", "delayMs": 700}])).await;
            let (one, two) = join(me.send("POST", &path, Value::Null), me.send("POST", &path, json!({}))).await;
            let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
            assert_eq!(won.data(200)["status"], "deploying");
            lost.error(409, "INVALID_STATE");
            me.wait_for_status(&id, "active").await;
        }
    }
}
