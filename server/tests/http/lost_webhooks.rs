//! Payments are found although Polar's webhooks are lost, delayed or sent twice.

use reef_domain::ids::AssistantId;
use reef_service::Caller;
use serde_json::{Value, json};

use crate::process::Installation;
use crate::support::{App, eventually, on_both_databases};

const ENDPOINTS: &str = "/sandbox/polar/v1/webhooks/endpoints";

on_both_databases! {
    async fn payment_with_lost_webhooks_is_found(app) {
        let me = app.customer().await;
        app.faults(json!([{"path": "/webhooks/polar", "drop": true, "times": 100}])).await;
        let (id, checkout) = me.purchase("byok").await;
        assert_eq!(me.press(&checkout, "pay").await, 303);
        // The buyer returns and opens the assistant's page.
        let caller = Caller::operator(me.user);
        let details = app.services.get_details(&caller, &id).await.unwrap();
        assert_eq!(details.record.polar_subscription_id, None, "reading the page must not grant anything");
        let record = me.wait_for_status(&id, "purchased").await;
        assert_eq!(record["paymentStatus"], "paid");
        let subscription = record["polarSubscriptionId"].as_str().unwrap();
        assert_eq!(app.subscription(subscription).await["status"], "active");
        // The same checkout cannot be paid twice.
        assert_eq!(me.press(&checkout, "pay").await, 409);
    }

    async fn duplicate_and_delayed_webhooks_are_one_payment(app) {
        let me = app.customer().await;
        app.faults(json!([
            {"path": "/webhooks/polar", "delayMs": 700, "times": 9},
            {"path": "/webhooks/polar", "twice": true, "times": 20}])).await;
        let uuid = me.purchased("byok").await;
        let record = me.get(&format!("/{uuid}")).await;
        let subscription = record["polarSubscriptionId"].as_str().unwrap();
        assert_eq!(app.subscription(subscription).await["status"], "active");
        let events = app.events(&uuid).await;
        assert_eq!(events.len(), 1, "{events:?}");
        let mut tx = app.services.store().read().await.unwrap();
        assert_eq!(tx.count_open_revocations().await.unwrap(), (0, None));
        assert!(tx.find_assistant(AssistantId::parse(&uuid).unwrap()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn doctor_reports_disabled_endpoint() {
    let installation = Installation::new(&[]);
    let process = installation.serve().await;
    let polar = |request: reqwest::RequestBuilder| request.bearer_auth("test").send();
    let list: Value =
        polar(process.http.get(format!("{}{ENDPOINTS}", process.base))).await.unwrap().json().await.unwrap();
    let id = list["items"][0]["id"].as_str().unwrap();
    let url = format!("{}{ENDPOINTS}/{id}", process.base);
    let doctor = || installation.run(&["doctor"], "").1;
    assert!(doctor().contains("ok    polar: "), "{}", doctor());
    let disabled = polar(process.http.patch(&url).json(&json!({"enabled": false}))).await.unwrap();
    assert_eq!(disabled.status(), 200);
    let report = doctor();
    let line = report.lines().find(|line| line.starts_with("error polar: ")).expect("no error about Polar");
    assert!(line.contains("disabled the webhook endpoint") && line.contains("enable it in Polar"), "{line}");
    let faults = json!([{"path": "/v1/webhooks/endpoints", "status": 403, "times": 1}]);
    let ordered =
        process.http.put(format!("{}/sandbox/faults", process.base)).json(&faults).send().await.unwrap();
    assert_eq!(ordered.status(), 200);
    assert!(doctor().contains("lacks the scope webhooks:read"));
    assert!(doctor().contains("ok    prices: byok 19.00 usd, managed 29.00 usd"), "{}", doctor());
    let faults = json!([{"path": "/v1/products/*", "status": 403, "times": 1}]);
    let ordered =
        process.http.put(format!("{}/sandbox/faults", process.base)).json(&faults).send().await.unwrap();
    assert_eq!(ordered.status(), 200);
    assert!(doctor().contains("error prices: the token lacks the scope products:read"));
    eventually("it to be enabled", async || {
        let enabled = polar(process.http.patch(&url).json(&json!({"enabled": true}))).await.ok()?;
        (enabled.status() == 200).then_some(())
    })
    .await;
    assert!(doctor().contains("ok    polar: "));
}
