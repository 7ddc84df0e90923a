//! `POST /api/v1/assistants/purchase`.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{App, eventually, issues, on_both_databases, pairs};

#[tokio::test]
async fn api_mode_must_be_byok_or_managed() {
    let app = App::start().await;
    let me = app.customer().await;
    for mode in ["byok", "managed"] {
        let (id, checkout) = me.purchase(mode).await;
        assert_eq!(me.get(&format!("/{id}")).await["apiMode"], mode);
        assert!(checkout.starts_with(&app.url("/sandbox/")), "{checkout}");
    }
    for bad in ["", "BYOK", " byok", "free"] {
        let error = me.fails(400, "INVALID_REQUEST", "POST", "/purchase", json!({"apiMode": bad})).await;
        assert_eq!(issues(&error), pairs(&[("apiMode", "invalid_value")]), "{bad}");
    }
    assert_eq!(me.get("").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn checkout_metadata_has_slot_id() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, _) = me.purchase("byok").await;
    let asked = app.vendor_requests("polar").await;
    let made = asked.iter().find(|call| call["method"] == "POST").unwrap();
    assert_eq!(made["body"]["metadata"]["assistant_id"], json!(id));
    assert_eq!(made["body"]["products"], json!(["sandbox-byok"]));
}

#[tokio::test]
async fn purchase_without_payments_returns_500() {
    let app = App::start_with(&[("SANDBOX", "false")]).await;
    let me = app.customer().await;
    for mode in ["byok", "managed"] {
        let error =
            me.fails(500, "PAYMENT_NOT_CONFIGURED", "POST", "/purchase", json!({"apiMode": mode})).await;
        let expected = json!({"code": "PAYMENT_NOT_CONFIGURED", "message": "Payment system not configured"});
        assert_eq!(error, expected);
    }
    // The body is validated first.
    me.fails(400, "INVALID_REQUEST", "POST", "/purchase", json!({"apiMode": "free"})).await;
    assert_eq!(me.get("").await, json!([]));
}

#[tokio::test]
async fn mode_without_product_returns_500() {
    let vars = [("POLAR_ACCESS_TOKEN", "polar_oat_test"), ("POLAR_PRODUCT_ID_BYOK", "sandbox-byok")];
    let app = App::start_with(&vars).await;
    let me = app.customer().await;
    me.purchase("byok").await;
    me.fails(500, "PAYMENT_NOT_CONFIGURED", "POST", "/purchase", json!({"apiMode": "managed"})).await;
    assert_eq!(me.get("").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn failed_checkout_voids_slot() {
    let app = App::start().await;
    let me = app.customer().await;
    let faults = [
        json!({"method": "POST", "path": "*/v1/checkouts*", "status": 500, "times": 5}),
        json!({"method": "POST", "path": "*/v1/checkouts*", "status": 422, "times": 5}),
        json!({"method": "POST", "path": "*/v1/checkouts*", "drop": true, "times": 5}),
        json!({"method": "POST", "path": "*/v1/checkouts*", "status": 429, "times": 5}),
    ];
    for (fault, reason) in faults.iter().zip([
        "payment_provider_unavailable",
        "checkout_refused",
        "payment_provider_unavailable",
        "payment_provider_unavailable",
    ]) {
        app.faults(json!([fault])).await;
        let error = me.fails(500, "INTERNAL_ERROR", "POST", "/purchase", json!({"apiMode": "byok"})).await;
        assert_eq!(error["details"], json!({"reason": reason}), "{fault}");
        assert_eq!(me.get("").await, json!([]));
    }
    // Voided slots do not count toward the limit.
    app.faults(json!([])).await;
    for _ in 0..10 {
        me.purchase("byok").await;
    }
}

/// Polar's refusals of a checkout, each with the phrases that the message must contain.
pub fn refusals() -> Vec<(Value, &'static [&'static str])> {
    let ordered = |status: u16, body: Value| json!({"method": "POST", "path": "/v1/checkouts/", "status": status, "body": body});
    let named =
        |status, name: &str| ordered(status, json!({"error": name, "detail": "The vendor's own words."}));
    let about = |field: &str| {
        let issue = json!({"loc": ["body", field], "msg": "The vendor's own words.", "type": "value_error"});
        ordered(422, json!({"error": "RequestValidationError", "detail": [issue]}))
    };
    vec![
        (named(422, "CheckoutCustomerExternalIdMismatch"), &["under another account", "contact support"]),
        (about("customer_email"), &["didn't accept your email address", "Settings"]),
        (named(403, "AlreadyActiveSubscriptionError"), &["You already have a subscription", "on our side"]),
        (named(403, "PaymentNotReady"), &["can't take payments yet", "on our side"]),
        (named(404, "ResourceNotFound"), &["can't be bought right now", "on our side"]),
        (about("products"), &["can't be bought right now", "on our side"]),
        (named(401, "Unauthorized"), &["didn't accept the order", "on our side"]),
        (named(418, "Anything"), &["didn't accept the order", "on our side"]),
    ]
}

#[tokio::test]
async fn refused_checkout_message_says_what_to_do() {
    let app = App::start().await;
    let me = app.customer().await;
    for (fault, expected) in refusals() {
        app.faults(json!([fault])).await;
        let error = me.fails(500, "INTERNAL_ERROR", "POST", "/purchase", json!({"apiMode": "byok"})).await;
        assert_eq!(error["details"], json!({"reason": "checkout_refused"}), "{fault}");
        let message = error["message"].as_str().unwrap();
        for words in expected.iter().chain(&["Nothing was charged"]) {
            assert!(message.contains(words), "{fault}: {message}");
        }
        assert!(!message.contains("vendor"), "{message}");
        assert_eq!(me.get("").await, json!([]));
    }
    me.purchase("byok").await;
}

#[tokio::test]
async fn unknown_product_is_rejected() {
    let vars =
        [("POLAR_PRODUCT_ID_BYOK", "unknown-product"), ("POLAR_PRODUCT_ID_MANAGED", "archived-product")];
    let app = App::start_with(&vars).await;
    let me = app.customer().await;
    for mode in ["byok", "managed"] {
        let error = me.fails(500, "INTERNAL_ERROR", "POST", "/purchase", json!({"apiMode": mode})).await;
        assert_eq!(error["details"], json!({"reason": "checkout_refused"}));
        assert!(error["message"].as_str().unwrap().contains("can't be bought right now"), "{error}");
    }
}

on_both_databases! {
    async fn unpaid_slots_are_limited_to_ten(app) {
        let me = app.customer().await;
        let bought = join_all((0..14).map(|_| me.send("POST", "/purchase", json!({"apiMode": "byok"})))).await;
        let made = bought.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 10, "{:?}", bought.iter().map(|answer| answer.status).collect::<Vec<_>>());
        for refused in bought.iter().filter(|answer| answer.status != 201) {
            refused.error(429, "RATE_LIMITED");
            let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=3600).contains(&seconds));
        }
        // Other accounts are not affected, and paid and old slots do not count.
        app.customer().await.purchase("byok").await;
        let list = me.get("").await;
        let ids: Vec<&str> = list.as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 10);
        app.backdate_order(ids[0], Duration::from_secs(3601)).await;
        let (_, checkout) = me.purchase("byok").await;
        me.send("POST", "/purchase", json!({"apiMode": "byok"})).await.error(429, "RATE_LIMITED");
        assert_eq!(me.press(&checkout, "pay").await, 303);
        eventually("room for another", async || {
            let answer = me.send("POST", "/purchase", json!({"apiMode": "byok"})).await;
            (answer.status == 201).then_some(())
        })
        .await;
        // Deleted slots count, because their checkout stays open at Polar.
        me.send("POST", "/purchase", json!({"apiMode": "byok"})).await.error(429, "RATE_LIMITED");
        me.ok("DELETE", &format!("/{}", ids[1]), Value::Null).await;
        let refused = me.send("POST", "/purchase", json!({"apiMode": "byok"})).await;
        let error = refused.error(429, "RATE_LIMITED");
        assert_eq!(error["message"], "Too many unpaid orders in the last hour: pay for one, or wait");
    }
}
