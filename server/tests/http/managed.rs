//! Managed mode with the sandbox's OpenRouter: managed keys, credit, and the bot's reply when the credit is used.

use serde_json::{Value, json};

use crate::customer::Customer;
use crate::support::{App, activation, bot_token, eventually, merged, on_both_databases};

/// The assistant's managed keys at OpenRouter.
async fn keys(app: &App, id: &str) -> Vec<Value> {
    let url = app.url("/sandbox/openrouter/api/v1/keys?include_disabled=true");
    let answer = app.http.get(url).bearer_auth("sk-or-management").send().await.expect("the request failed");
    let all: Value = answer.json().await.expect("the response is not JSON");
    let name = format!("reef-{id}");
    all["data"]
        .as_array()
        .expect("the value is not a list")
        .iter()
        .filter(|key| key["name"] == *name)
        .cloned()
        .collect()
}

/// Waits until the assistant has exactly one key and it satisfies a condition.
async fn until_key(app: &App, id: &str, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let keys = keys(app, id).await;
        (keys.len() == 1 && condition(&keys[0])).then(|| keys[0].clone())
    })
    .await
}

/// Activates a managed slot without waiting for the deployment, and returns its id and bot token.
async fn activated(me: &Customer<'_>) -> (String, String) {
    let id = me.purchased("managed").await;
    let token = bot_token("ok");
    let change = json!({"modelProvider": "…", "modelApiKey": "…", "modelId": "openrouter/auto"});
    me.ok("POST", &format!("/{id}/activate"), merged(activation(&token), change)).await;
    (id, token)
}

async fn active(me: &Customer<'_>) -> (String, String) {
    let (id, token) = activated(me).await;
    me.wait_for_status(&id, "active").await;
    (id, token)
}

async fn change_subscription(app: &App, subscription: &str, what: &str) {
    let url = app.url(&format!("/sandbox/polar/subscriptions/{subscription}/{what}"));
    let answer = app.http.post(url).send().await.expect("the request failed");
    assert!(answer.status().is_success() || answer.status().is_redirection(), "{what}: {}", answer.status());
}

/// Sends a message to the bot and returns its answer.
async fn send_message(app: &App, token: &str, text: &str) -> String {
    let bot = token.split(':').next().expect("the id is invalid");
    let url = app.url(&format!("/sandbox/telegram/bots/{bot}/messages"));
    let said = async || {
        let all: Value = app.http.get(format!("{url}?chatId=1")).send().await.ok()?.json().await.ok()?;
        let all = all["data"].as_array()?.clone();
        Some(all.into_iter().filter(|message| message["from"] == "bot").collect::<Vec<_>>())
    };
    let before = said().await.expect("could not read the conversation").len();
    let sent = app
        .http
        .post(&url)
        .json(&json!({"chatId": 1, "text": text}))
        .send()
        .await
        .expect("the request failed");
    assert!(sent.status().is_success(), "{}", sent.status());
    let answer = async || said().await.filter(|all| all.len() > before);
    eventually("an answer", answer).await[before]["text"].as_str().expect("the value is not text").to_owned()
}

on_both_databases! {
    async fn managed_key_follows_assistant(app) {
        let me = app.customer().await;
        let (id, _) = active(&me).await;
        until_key(&app, &id, "the key", |key| key["limit"] == 5.0 && key["disabled"] == false).await;
        let record = me.get(&format!("/{id}")).await;
        let subscription = record["polarSubscriptionId"].as_str().unwrap();
        for limit in [10.0, 15.0] {
            change_subscription(&app, subscription, "renew").await;
            until_key(&app, &id, "the next period's credit", |key| key["limit"] == limit).await;
        }
        me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
        until_key(&app, &id, "the end of its use", |key| key["disabled"] == true).await;
        me.ok("POST", &format!("/{id}/redeploy"), Value::Null).await;
        me.wait_for_status(&id, "active").await;
        until_key(&app, &id, "its use again", |key| key["disabled"] == false && key["limit"] == 15.0).await;
        change_subscription(&app, subscription, "revoke").await;
        me.wait_for_status(&id, "stopped").await;
        until_key(&app, &id, "the end of its use", |key| key["disabled"] == true).await;
        me.ok("DELETE", &format!("/{id}"), Value::Null).await;
        eventually("the key's end", async || keys(&app, &id).await.is_empty().then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_creation_with_lost_response_creates_one_key() {
    let app = App::start().await;
    let me = app.customer().await;
    let path = "/openrouter/api/v1/keys";
    let cases = [
        json!([{"method": "POST", "path": path, "drop": true, "times": 2}]),
        json!([{"method": "POST", "path": path, "status": 500}, {"method": "GET", "path": path, "status": 429}]),
        // The delay exceeds Reef's timeout.
        json!([{"method": "POST", "path": path, "delayMs": 12_000}]),
    ];
    for faults in cases {
        app.faults(faults.clone()).await;
        let (id, _) = activated(&me).await;
        me.wait_for_status(&id, "active").await;
        assert_eq!(keys(&app, &id).await.len(), 1, "{faults}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exhausted_credit_is_reported_until_renewal() {
    // The credit lasts for a few replies.
    let app = App::start_with(&[("MANAGED_CREDIT_USD", "0.001")]).await;
    let me = app.customer().await;
    let (id, token) = active(&me).await;
    assert!(send_message(&app, &token, "hello").await.contains("Hello!"));
    let mut words = String::new();
    for _ in 0..30 {
        words = send_message(&app, &token, "hello again").await;
        if !words.contains("Hello!") {
            break;
        }
    }
    assert!(words.contains("temporarily unavailable. Please try again after"), "{words}");
    let end = me.get(&format!("/{id}")).await["currentPeriodEnd"].as_str().unwrap().to_owned();
    assert!(words.contains(&end[..4]), "it says when there is more ({end}): {words}");
    let event = eventually("the event", async || {
        let events = me.get(&format!("/{id}/events")).await;
        events[0].clone().as_object().filter(|event| event["type"] == "assistant.credit_used_up").cloned()
    })
    .await;
    assert!(event["statusMessage"].as_str().unwrap().starts_with("CREDIT_USED_UP: "), "{event:?}");
    let record = me.get(&format!("/{id}")).await;
    assert_eq!((&record["status"], &record["statusMessage"]), (&json!("active"), &Value::Null));
    change_subscription(&app, record["polarSubscriptionId"].as_str().unwrap(), "renew").await;
    until_key(&app, &id, "more credit", |key| key["limit"] == 0.002).await;
    assert!(send_message(&app, &token, "hello").await.contains("Hello!"));
}
