//! Buying a slot.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{App, eventually, issues, on_both_databases, pairs};

#[tokio::test]
async fn api_mode_is_byok_or_managed() {
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
async fn the_checkout_carries_the_slots_id() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, _) = me.purchase("byok").await;
    let asked = app.asked("polar").await;
    let made = asked.iter().find(|call| call["method"] == "POST").unwrap();
    assert_eq!(made["body"]["metadata"]["assistant_id"], json!(id));
    assert_eq!(made["body"]["products"], json!(["sandbox-byok"]));
}

#[tokio::test]
async fn without_payments_nothing_is_ordered() {
    let app = App::with(&[("SANDBOX", "false")]).await;
    let me = app.customer().await;
    for mode in ["byok", "managed"] {
        let error =
            me.fails(500, "PAYMENT_NOT_CONFIGURED", "POST", "/purchase", json!({"apiMode": mode})).await;
        let expected = json!({"code": "PAYMENT_NOT_CONFIGURED", "message": "Payment system not configured"});
        assert_eq!(error, expected);
    }
    // The body comes first.
    me.fails(400, "INVALID_REQUEST", "POST", "/purchase", json!({"apiMode": "free"})).await;
    assert_eq!(me.get("").await, json!([]));
}

#[tokio::test]
async fn each_mode_needs_its_own_product() {
    let vars = [("POLAR_ACCESS_TOKEN", "polar_oat_test"), ("POLAR_PRODUCT_ID_BYOK", "sandbox-byok")];
    let app = App::with(&vars).await;
    let me = app.customer().await;
    me.purchase("byok").await;
    me.fails(500, "PAYMENT_NOT_CONFIGURED", "POST", "/purchase", json!({"apiMode": "managed"})).await;
    assert_eq!(me.get("").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn when_no_checkout_can_be_made_the_slot_is_void() {
    let app = App::start().await;
    let me = app.customer().await;
    let faults = [
        json!({"method": "POST", "path": "*/v1/checkouts*", "status": 500, "times": 5}),
        json!({"method": "POST", "path": "*/v1/checkouts*", "status": 422, "times": 5}),
        json!({"method": "POST", "path": "*/v1/checkouts*", "drop": true, "times": 5}),
    ];
    for fault in faults {
        app.faults(json!([fault])).await;
        let error = me.fails(500, "INTERNAL_ERROR", "POST", "/purchase", json!({"apiMode": "byok"})).await;
        assert_eq!(error["details"], json!({"reason": "payment_provider_unavailable"}), "{fault}");
        assert_eq!(me.get("").await, json!([]));
    }
    // What was void does not count against the limit.
    app.faults(json!([])).await;
    for _ in 0..10 {
        me.purchase("byok").await;
    }
}

on_both_databases! {
    async fn ten_unpaid_slots_are_enough(app) {
        let me = app.customer().await;
        let bought = join_all((0..14).map(|_| me.send("POST", "/purchase", json!({"apiMode": "byok"})))).await;
        let made = bought.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 10, "{:?}", bought.iter().map(|answer| answer.status).collect::<Vec<_>>());
        for refused in bought.iter().filter(|answer| answer.status != 201) {
            refused.error(429, "RATE_LIMITED");
            let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=3600).contains(&seconds));
        }
        // Nobody else is held back, and a paid or an old slot makes room.
        app.customer().await.purchase("byok").await;
        let list = me.get("").await;
        let ids: Vec<&str> = list.as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 10);
        app.order_was(ids[0], Duration::from_secs(3601)).await;
        let (_, checkout) = me.purchase("byok").await;
        me.send("POST", "/purchase", json!({"apiMode": "byok"})).await.error(429, "RATE_LIMITED");
        assert_eq!(me.press(&checkout, "pay").await, 303);
        eventually("room for another", async || {
            let answer = me.send("POST", "/purchase", json!({"apiMode": "byok"})).await;
            (answer.status == 201).then_some(())
        })
        .await;
        // A deleted one does not: its checkout stays open at Polar.
        me.send("POST", "/purchase", json!({"apiMode": "byok"})).await.error(429, "RATE_LIMITED");
        me.ok("DELETE", &format!("/{}", ids[1]), Value::Null).await;
        let refused = me.send("POST", "/purchase", json!({"apiMode": "byok"})).await;
        let error = refused.error(429, "RATE_LIMITED");
        assert_eq!(error["message"], "Too many unpaid slots in the last hour; pay for one, or wait");
    }
}
