//! The effects of payments, pauses, refunds and cancellations as the API shows them.

use serde_json::{Value, json};

use crate::support::{App, activation, bot_token};

#[tokio::test]
async fn unpaid_checkout_grants_nothing() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, checkout) = me.purchase("byok").await;
    assert_eq!(me.press(&checkout, "decline").await, 402);
    let success = format!("/assistants/{id}?checkout_id=forged&status=succeeded");
    let _ = app.http.get(app.url(&success)).send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(me.get(&format!("/{id}")).await["paymentStatus"], "pending");
    me.fails(409, "INVALID_STATE", "POST", &format!("/{id}/activate"), activation(&bot_token("ok"))).await;
    assert_eq!(me.press(&checkout, "pay").await, 303);
    assert_eq!(me.wait_for_status(&id, "purchased").await["paymentStatus"], "paid");
}

#[tokio::test]
async fn revoked_subscription_stops_assistant() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    let path = format!("/{id}");
    let subscription = me.get(&path).await["polarSubscriptionId"].as_str().unwrap().to_owned();
    change_subscription(&app, &subscription, "past_due").await;
    let late = me.wait_for_field(&id, "paymentStatus", json!("past_due")).await;
    assert_eq!(late["status"], "active");
    change_subscription(&app, &subscription, "revoke").await;
    let over = me.wait_for_status(&id, "stopped").await;
    assert_eq!((&over["paymentStatus"], &over["workerUrl"]), (&json!("canceled"), &Value::Null));
    let message = over["statusMessage"].as_str().unwrap();
    assert!(message.starts_with("SUBSCRIPTION_ENDED: "), "{message}");
    let error = me.fails(409, "INVALID_STATE", "POST", &format!("{path}/redeploy"), Value::Null).await;
    assert_eq!(error["details"]["currentStatus"], "stopped");
    assert_eq!(error["details"]["allowedStatuses"], json!(["active", "failed", "stopped"]));
    me.ok("PATCH", &path, json!({"name": "Still editable"})).await;
    me.ok("DELETE", &path, Value::Null).await;
}

#[tokio::test]
async fn activation_after_revocation_or_refund_is_rejected() {
    let app = App::start().await;
    let me = app.customer().await;
    for (happening, payment) in [("revoke", "canceled"), ("refund", "refunded")] {
        let id = me.purchased("byok").await;
        let record = me.get(&format!("/{id}")).await;
        change_subscription(&app, record["polarSubscriptionId"].as_str().unwrap(), happening).await;
        let over = me.wait_for_field(&id, "paymentStatus", json!(payment)).await;
        assert_eq!(over["status"], "purchased");
        let activate = format!("/{id}/activate");
        let error = me.fails(409, "INVALID_STATE", "POST", &activate, activation(&bot_token("ok"))).await;
        let details = json!({"currentStatus": "purchased", "allowedStatuses": ["purchased"]});
        assert_eq!(error["details"], details);
    }
}

#[tokio::test]
async fn renewal_extends_period_and_clears_past_due() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let record = me.get(&format!("/{id}")).await;
    let subscription = record["polarSubscriptionId"].as_str().unwrap();
    change_subscription(&app, subscription, "past_due").await;
    me.wait_for_field(&id, "paymentStatus", json!("past_due")).await;
    change_subscription(&app, subscription, "renew").await;
    let renewed = me.wait_for_field(&id, "paymentStatus", json!("paid")).await;
    assert!(renewed["currentPeriodEnd"].as_str() > record["currentPeriodEnd"].as_str(), "{renewed}");
    assert_eq!((&renewed["status"], &renewed["canceledAt"]), (&json!("purchased"), &Value::Null));
    assert_eq!(renewed["polarSubscriptionId"], record["polarSubscriptionId"]);
}

#[tokio::test]
async fn full_refund_stops_assistant() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    let subscription = me.get(&format!("/{id}")).await["polarSubscriptionId"].as_str().unwrap().to_owned();
    change_subscription(&app, &subscription, "refund").await;
    let over = me.wait_for_status(&id, "stopped").await;
    assert_eq!((&over["paymentStatus"], &over["workerUrl"]), (&json!("refunded"), &Value::Null));
    assert!(over["statusMessage"].as_str().unwrap().starts_with("SUBSCRIPTION_ENDED: "), "{over}");
    me.fails(409, "INVALID_STATE", "POST", &format!("/{id}/redeploy"), Value::Null).await;
}

#[tokio::test]
async fn delete_in_every_payment_status_succeeds() {
    let app = App::start().await;
    let me = app.customer().await;
    for (happening, payment) in
        [("past_due", "past_due"), ("pause", "paused"), ("revoke", "canceled"), ("refund", "refunded")]
    {
        let id = me.active().await;
        let record = me.get(&format!("/{id}")).await;
        change_subscription(&app, record["polarSubscriptionId"].as_str().unwrap(), happening).await;
        me.wait_for_field(&id, "paymentStatus", json!(payment)).await;
        assert_eq!(
            me.ok("DELETE", &format!("/{id}"), Value::Null).await,
            json!({"success": true}),
            "{payment}"
        );
        me.fails(404, "NOT_FOUND", "GET", &format!("/{id}"), Value::Null).await;
    }
}

#[tokio::test]
async fn pause_stops_and_resume_restarts() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, bought, stopped) = (me.active().await, me.purchased("byok").await, me.active().await);
    let mut subscriptions = Vec::new();
    for id in [&id, &bought, &stopped] {
        let record = me.get(&format!("/{id}")).await;
        subscriptions.push(record["polarSubscriptionId"].as_str().unwrap().to_owned());
        change_subscription(&app, &subscriptions[subscriptions.len() - 1], "pause").await;
        me.wait_for_field(id, "paymentStatus", json!("paused")).await;
    }
    let held = me.get(&format!("/{id}")).await;
    assert_eq!((&held["status"], &held["workerUrl"]), (&json!("stopped"), &Value::Null));
    let message = held["statusMessage"].as_str().unwrap();
    assert!(message.starts_with("SUBSCRIPTION_PAUSED: "), "{message}");
    assert_eq!(me.get(&format!("/{bought}")).await["status"], "purchased");

    let refused = me.fails(409, "INVALID_STATE", "POST", &format!("/{id}/redeploy"), Value::Null).await;
    let details = json!({"currentStatus": "stopped", "allowedStatuses": ["active", "failed", "stopped"]});
    assert_eq!(refused["details"], details);
    let activate = format!("/{bought}/activate");
    me.fails(409, "INVALID_STATE", "POST", &activate, activation(&bot_token("ok"))).await;
    let renamed = me.ok("PATCH", &format!("/{id}"), json!({"name": "Pearl"})).await;
    assert_eq!((&renamed["name"], &renamed["statusMessage"]), (&json!("Pearl"), &held["statusMessage"]));
    let kept = me.ok("POST", &format!("/{stopped}/stop"), Value::Null).await;
    assert_eq!((&kept["status"], &kept["statusMessage"]), (&json!("stopped"), &Value::Null));

    for subscription in &subscriptions {
        change_subscription(&app, subscription, "resume").await;
    }
    let again = me.wait_for_status(&id, "active").await;
    assert_eq!((&again["paymentStatus"], &again["statusMessage"]), (&json!("paid"), &Value::Null));
    for (id, status) in [(&stopped, "stopped"), (&bought, "purchased")] {
        assert_eq!(me.wait_for_field(id, "paymentStatus", json!("paid")).await["status"], status);
    }
    me.ok("POST", &activate, activation(&bot_token("ok"))).await;
    me.wait_for_status(&bought, "active").await;
}

async fn change_subscription(app: &App, subscription: &str, what: &str) {
    let url = app.url(&format!("/sandbox/polar/subscriptions/{subscription}/{what}"));
    let answer = app.http.post(url).send().await.unwrap();
    assert!(answer.status().is_success(), "{what}: {}", answer.status());
}
