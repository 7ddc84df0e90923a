//! The whole lifecycle of an assistant, from purchase to deletion, on both databases.

use serde_json::{Value, json};

use crate::customer::Customer;
use crate::support::{App, activation, bot_token, eventually, merged, on_both_databases};

/// Sends a message to a bot and waits for its answer.
async fn send_message_and_wait(app: &App, token: &str, text: &str) -> String {
    let url = app.url(&format!("/sandbox/telegram/bots/{}/messages", token.split(':').next().unwrap()));
    let said = app.http.post(&url).json(&json!({"chatId": 1, "text": text})).send().await.unwrap();
    assert!(said.status().is_success(), "{}", said.status());
    eventually("an answer", async || {
        let all: Value =
            app.http.get(&url).query(&[("chatId", "1")]).send().await.unwrap().json().await.unwrap();
        let last = all["data"].as_array().unwrap().last().cloned().unwrap();
        (last["from"] == "bot").then(|| last["text"].as_str().unwrap().to_owned())
    })
    .await
}

/// Returns the statuses of the timeline, and asserts that its sequence numbers have no gap.
async fn timeline(me: &Customer<'_>, id: &str) -> Vec<String> {
    let events = me.app.events(id).await;
    let numbers: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
    events.iter().map(|event| event.status.as_str().to_owned()).collect()
}

on_both_databases! {
    async fn byok_from_purchase_to_deletion(app) {
        let me = app.customer().await;
        let uuid = me.purchased("byok").await;
        let path = format!("/{uuid}");
        let token = bot_token("ok");
        let body = merged(activation(&token), json!({"callbackUrl": "https://callbacks.sandbox.test/life"}));
        assert_eq!(me.ok("POST", &format!("{path}/activate"), body).await["status"], "deploying");
        let active = me.wait_for_status(&uuid, "active").await;
        assert!(!send_message_and_wait(&app, &token, "hello").await.is_empty());
        me.fails(409, "INVALID_STATE", "PATCH", &path, json!({"name": "x"})).await;
        assert_eq!(me.ok("POST", &format!("{path}/stop"), Value::Null).await["workerUrl"], Value::Null);
        let change = json!({"name": "Renamed", "modelProvider": "openai", "modelId": "gpt-5", "modelApiKey": "sk-1"});
        assert_eq!(me.ok("PATCH", &path, change).await["modelProvider"], "openai");
        me.ok("POST", &format!("{path}/redeploy"), Value::Null).await;
        let again = me.wait_for_status(&uuid, "active").await;
        assert_eq!(again["workerName"], active["workerName"]);
        assert!(!send_message_and_wait(&app, &token, "still there?").await.is_empty());
        let expected = ["purchased", "deploying", "active", "stopped", "deploying", "active"];
        assert_eq!(timeline(&me, &uuid).await, expected);
        assert_eq!(me.ok("DELETE", &path, Value::Null).await, json!({"success": true}));
        me.fails(404, "NOT_FOUND", "GET", &path, Value::Null).await;
        let subscription = active["polarSubscriptionId"].as_str().unwrap();
        eventually("the subscription's end", async || {
            (app.subscription(subscription).await["status"] == "canceled").then_some(())
        })
        .await;
    }

    async fn managed_from_purchase_to_deletion(app) {
        let me = app.customer().await;
        let id = me.purchased("managed").await;
        let path = format!("/{id}");
        let token = bot_token("ok");
        let body = merged(activation(&token), json!({"modelProvider": "…", "modelApiKey": "…", "modelId": "openrouter/auto"}));
        me.ok("POST", &format!("{path}/activate"), body).await;
        assert_eq!(me.wait_for_status(&id, "active").await["modelProvider"], "openrouter");
        assert!(!send_message_and_wait(&app, &token, "hello").await.is_empty());
        let made = app.vendor_requests("openrouter").await;
        assert!(made.iter().any(|call| call["method"] == "POST" && call["path"].as_str().unwrap().ends_with("/keys")), "{made:?}");
        me.ok("DELETE", &path, Value::Null).await;
        eventually("the end of its model key", async || {
            let asked = app.vendor_requests("openrouter").await;
            asked.iter().any(|call| call["method"] == "DELETE" && call["status"] == 200).then_some(())
        })
        .await;
    }

    async fn failed_assistant_is_fixed_and_redeployed(app) {
        let me = app.customer().await;
        let id = me.in_status("failed").await;
        let path = format!("/{id}");
        me.ok("PATCH", &path, json!({"telegramBotToken": bot_token("ok")})).await;
        me.ok("POST", &format!("{path}/redeploy"), Value::Null).await;
        me.wait_for_status(&id, "active").await;
        let expected = ["purchased", "deploying", "failed", "deploying", "active"];
        assert_eq!(timeline(&me, &id).await, expected);
    }
}
