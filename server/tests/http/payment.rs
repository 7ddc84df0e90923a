//! The effects of payments, pauses, refunds and cancellations as the API shows them.

use serde_json::{Value, json};

use crate::support::{App, activation, bot};

#[tokio::test]
async fn only_a_payment_grants() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, checkout) = me.purchase("byok").await;
    assert_eq!(me.press(&checkout, "decline").await, 402);
    let success = format!("/assistants/{id}?checkout_id=forged&status=succeeded");
    let _ = app.http.get(app.url(&success)).send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(me.get(&format!("/{id}")).await["paymentStatus"], "pending");
    me.fails(409, "INVALID_STATE", "POST", &format!("/{id}/activate"), activation(&bot("ok"))).await;
    assert_eq!(me.press(&checkout, "pay").await, 303);
    assert_eq!(me.until(&id, "purchased").await["paymentStatus"], "paid");
}

#[tokio::test]
async fn a_subscription_that_is_revoked_ends_what_runs() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    let path = format!("/{id}");
    let subscription = me.get(&path).await["polarSubscriptionId"].as_str().unwrap().to_owned();
    happen(&app, &subscription, "past_due").await;
    let late = me.until_field(&id, "paymentStatus", json!("past_due")).await;
    assert_eq!(late["status"], "active");
    happen(&app, &subscription, "revoke").await;
    let over = me.until(&id, "stopped").await;
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
async fn a_revoked_or_refunded_slot_cannot_be_activated() {
    let app = App::start().await;
    let me = app.customer().await;
    for (happening, payment) in [("revoke", "canceled"), ("refund", "refunded")] {
        let id = me.slot("byok").await;
        let record = me.get(&format!("/{id}")).await;
        happen(&app, record["polarSubscriptionId"].as_str().unwrap(), happening).await;
        let over = me.until_field(&id, "paymentStatus", json!(payment)).await;
        assert_eq!(over["status"], "purchased");
        let activate = format!("/{id}/activate");
        let error = me.fails(409, "INVALID_STATE", "POST", &activate, activation(&bot("ok"))).await;
        let details = json!({"currentStatus": "purchased", "allowedStatuses": ["purchased"]});
        assert_eq!(error["details"], details);
    }
}

#[tokio::test]
async fn a_renewal_moves_the_period_and_mends_what_is_past_due() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.slot("byok").await;
    let record = me.get(&format!("/{id}")).await;
    let subscription = record["polarSubscriptionId"].as_str().unwrap();
    happen(&app, subscription, "past_due").await;
    me.until_field(&id, "paymentStatus", json!("past_due")).await;
    happen(&app, subscription, "renew").await;
    let renewed = me.until_field(&id, "paymentStatus", json!("paid")).await;
    assert!(renewed["currentPeriodEnd"].as_str() > record["currentPeriodEnd"].as_str(), "{renewed}");
    assert_eq!((&renewed["status"], &renewed["canceledAt"]), (&json!("purchased"), &Value::Null));
    assert_eq!(renewed["polarSubscriptionId"], record["polarSubscriptionId"]);
}

#[tokio::test]
async fn a_refund_in_full_ends_what_runs_as_a_revocation_does() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    let subscription = me.get(&format!("/{id}")).await["polarSubscriptionId"].as_str().unwrap().to_owned();
    happen(&app, &subscription, "refund").await;
    let over = me.until(&id, "stopped").await;
    assert_eq!((&over["paymentStatus"], &over["workerUrl"]), (&json!("refunded"), &Value::Null));
    assert!(over["statusMessage"].as_str().unwrap().starts_with("SUBSCRIPTION_ENDED: "), "{over}");
    me.fails(409, "INVALID_STATE", "POST", &format!("/{id}/redeploy"), Value::Null).await;
}

#[tokio::test]
async fn it_can_be_deleted_in_every_payment_status() {
    let app = App::start().await;
    let me = app.customer().await;
    for (happening, payment) in
        [("past_due", "past_due"), ("pause", "paused"), ("revoke", "canceled"), ("refund", "refunded")]
    {
        let id = me.active().await;
        let record = me.get(&format!("/{id}")).await;
        happen(&app, record["polarSubscriptionId"].as_str().unwrap(), happening).await;
        me.until_field(&id, "paymentStatus", json!(payment)).await;
        assert_eq!(
            me.ok("DELETE", &format!("/{id}"), Value::Null).await,
            json!({"success": true}),
            "{payment}"
        );
        me.fails(404, "NOT_FOUND", "GET", &format!("/{id}"), Value::Null).await;
    }
}

#[tokio::test]
async fn a_pause_stops_what_runs_and_a_resumption_starts_it_again() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, bought, stopped) = (me.active().await, me.slot("byok").await, me.active().await);
    let mut subscriptions = Vec::new();
    for id in [&id, &bought, &stopped] {
        let record = me.get(&format!("/{id}")).await;
        subscriptions.push(record["polarSubscriptionId"].as_str().unwrap().to_owned());
        happen(&app, &subscriptions[subscriptions.len() - 1], "pause").await;
        me.until_field(id, "paymentStatus", json!("paused")).await;
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
    me.fails(409, "INVALID_STATE", "POST", &activate, activation(&bot("ok"))).await;
    let renamed = me.ok("PATCH", &format!("/{id}"), json!({"name": "Pearl"})).await;
    assert_eq!((&renamed["name"], &renamed["statusMessage"]), (&json!("Pearl"), &held["statusMessage"]));
    let kept = me.ok("POST", &format!("/{stopped}/stop"), Value::Null).await;
    assert_eq!((&kept["status"], &kept["statusMessage"]), (&json!("stopped"), &Value::Null));

    for subscription in &subscriptions {
        happen(&app, subscription, "resume").await;
    }
    let again = me.until(&id, "active").await;
    assert_eq!((&again["paymentStatus"], &again["statusMessage"]), (&json!("paid"), &Value::Null));
    for (id, status) in [(&stopped, "stopped"), (&bought, "purchased")] {
        assert_eq!(me.until_field(id, "paymentStatus", json!("paid")).await["status"], status);
    }
    me.ok("POST", &activate, activation(&bot("ok"))).await;
    me.until(&bought, "active").await;
}

async fn happen(app: &App, subscription: &str, what: &str) {
    let url = app.url(&format!("/sandbox/polar/subscriptions/{subscription}/{what}"));
    let answer = app.http.post(url).send().await.unwrap();
    assert!(answer.status().is_success(), "{what}: {}", answer.status());
}
