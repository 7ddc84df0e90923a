//! Polar's checkouts, subscriptions, orders and webhooks.

use reef_sandbox::DEFAULT_POLAR_WEBHOOK_SECRET;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::harness::{ReceivedRequest, Receiver, World, expect, send, until};

const TOKEN: &str = "polar_oat_test";

async fn checkout(world: &World, receiver: &Receiver, slot: &str) -> Value {
    let body = json!({
        "products": ["sandbox-byok"], "external_customer_id": "user-1", "metadata": {"deployment_id": slot, "n": 1},
        "success_url": format!("{}/back?checkout_id={{CHECKOUT_ID}}", receiver.url),
    });
    expect(201, world.post("/sandbox/polar/v1/checkouts/").bearer_auth(TOKEN).json(&body)).await
}

/// Pays a checkout and returns the subscription.
async fn paid(world: &World, receiver: &Receiver, slot: &str) -> Value {
    let checkout = checkout(world, receiver, slot).await;
    let answer = send(world.http.post(format!("{}/pay", checkout["url"].as_str().unwrap()))).await;
    assert_eq!(answer.status(), 303);
    let query = format!("/sandbox/polar/v1/subscriptions/?metadata[deployment_id]={slot}");
    let list = expect(200, world.get(&query).bearer_auth(TOKEN)).await;
    assert_eq!(list["pagination"]["total_count"], 1);
    list["items"][0].clone()
}

fn types(hits: &[ReceivedRequest]) -> Vec<String> {
    hits.iter().map(|hit| hit.json()["type"].as_str().unwrap().to_owned()).collect()
}

fn verify(hit: &ReceivedRequest, key: Vec<u8>) {
    Webhook::from_bytes(key).unwrap().verify(&hit.body, &hit.headers).unwrap();
}

#[tokio::test]
async fn paid_checkout_sends_all_events_signed_and_in_order() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let checkout = checkout(&world, &receiver, "slot-1").await;
    let id = checkout["id"].as_str().unwrap();
    assert_eq!(checkout["status"], "open");
    assert_eq!(checkout["success_url"], format!("{}/back?checkout_id={id}", receiver.url));
    let page = send(world.http.get(checkout["url"].as_str().unwrap())).await.text().await.unwrap();
    assert!(
        page.contains("class=\"banner\"") && page.contains("/pay\"") && page.contains("/expire\""),
        "{page}"
    );

    let pay = format!("{}/pay", checkout["url"].as_str().unwrap());
    let answer = send(world.http.post(&pay)).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (303, checkout["success_url"].as_str().unwrap())
    );
    expect(409, world.http.post(&pay)).await;

    let hits = receiver.wait_for(10).await;
    assert_eq!(
        types(&hits),
        [
            "checkout.created",
            "customer.created",
            "checkout.updated",
            "checkout.updated",
            "order.created",
            "subscription.created",
            "subscription.updated",
            "subscription.active",
            "order.updated",
            "order.paid"
        ]
    );
    for hit in &hits {
        verify(hit, DEFAULT_POLAR_WEBHOOK_SECRET.as_bytes().to_vec());
    }
    let (confirmed, succeeded, order) = (hits[2].json(), hits[3].json(), hits[9].json());
    assert_eq!(
        (&confirmed["data"]["status"], &succeeded["data"]["status"]),
        (&json!("confirmed"), &json!("succeeded"))
    );
    assert_eq!(order["data"]["metadata"], checkout["metadata"]);
    assert_eq!(order["data"]["checkout_id"], *id);
    assert_eq!(order["data"]["billing_reason"], "subscription_create");
    let subscription = order["data"]["subscription_id"].as_str().unwrap();
    let path = format!("/sandbox/polar/v1/subscriptions/{subscription}");
    let subscription = expect(200, world.get(&path).bearer_auth(TOKEN)).await;
    assert_eq!(
        (&subscription["status"], &subscription["metadata"]),
        (&json!("active"), &checkout["metadata"])
    );
    assert_eq!(subscription["customer"]["external_id"], "user-1");
    let read = expect(200, world.get(&format!("/sandbox/polar/v1/checkouts/{id}")).bearer_auth(TOKEN)).await;
    assert_eq!(read["status"], "succeeded");
}

#[tokio::test]
async fn declined_checkout_stays_open_and_expired_checkout_cannot_be_paid() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let checkout = checkout(&world, &receiver, "slot-1").await;
    let url = checkout["url"].as_str().unwrap();
    expect(402, world.http.post(format!("{url}/decline"))).await;
    let path = format!("/sandbox/polar/v1/checkouts/{}", checkout["id"].as_str().unwrap());
    assert_eq!(expect(200, world.get(&path).bearer_auth(TOKEN)).await["status"], "open");
    expect(200, world.http.post(format!("{url}/expire"))).await;
    for way in ["pay", "decline", "expire"] {
        expect(410, world.http.post(format!("{url}/{way}"))).await;
    }
    assert_eq!(
        types(&receiver.wait_for(3).await),
        ["checkout.created", "checkout.updated", "checkout.expired"]
    );
    let none = expect(200, world.get("/sandbox/polar/v1/subscriptions/").bearer_auth(TOKEN)).await;
    assert_eq!(none, json!({"items": [], "pagination": {"total_count": 0, "max_page": 0}}));
    expect(404, world.post("/sandbox/polar/checkout/polar_c_nobody/pay")).await;
}

#[tokio::test]
async fn subscription_actions_send_events_in_polars_order() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let subscription = paid(&world, &receiver, "slot-1").await;
    let path = format!("/sandbox/polar/subscriptions/{}", subscription["id"].as_str().unwrap());
    let mut seen = receiver.wait_for(10).await.len();
    let renewal =
        ["subscription.cycled", "subscription.updated", "order.created", "order.updated", "order.paid"];
    let failure = [
        "subscription.cycled",
        "subscription.updated",
        "order.created",
        "subscription.updated",
        "subscription.past_due",
    ];
    let lapse = [&failure[..], &["subscription.revoked"]].concat();
    let recovery = ["order.updated", "order.paid", "subscription.updated", "subscription.active"];
    let resumption =
        ["subscription.updated", "subscription.resumed", "order.created", "order.updated", "order.paid"];
    for (action, story, status) in [
        ("renew", &renewal[..], "active"),
        ("past_due", &failure[..], "past_due"),
        ("renew", &recovery[..], "active"),
        ("lapse", &lapse[..], "past_due"),
        ("renew", &recovery[..], "active"),
        ("cancel", &["subscription.updated", "subscription.canceled"][..], "active"),
        ("uncancel", &["subscription.updated", "subscription.uncanceled"][..], "active"),
        ("pause", &["subscription.updated", "subscription.paused"][..], "paused"),
        ("resume", &resumption[..], "active"),
        ("refund", &["refund.created", "order.updated", "order.refunded"][..], "active"),
        (
            "revoke",
            &["subscription.updated", "subscription.canceled", "subscription.revoked"][..],
            "canceled",
        ),
    ] {
        let answer = expect(200, world.post(&format!("{path}/{action}"))).await;
        assert_eq!(answer["data"]["status"], status, "{action}");
        let hits = receiver.wait_for(seen + story.len()).await;
        assert_eq!(types(&hits[seen..]), story, "{action}");
        seen = hits.len();
    }
    let orders =
        format!("/sandbox/polar/v1/orders/?subscription_id={}", subscription["id"].as_str().unwrap());
    let orders = expect(200, world.get(&orders).bearer_auth(TOKEN)).await;
    let reasons: Vec<&str> =
        orders["items"].as_array().unwrap().iter().map(|o| o["billing_reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, [["subscription_cycle"; 4].as_slice(), &["subscription_create"]].concat());
    assert_eq!(orders["items"][0]["checkout_id"], Value::Null);
    expect(403, world.post(&format!("{path}/renew"))).await;
    expect(404, world.post("/sandbox/polar/subscriptions/00000000-0000-4000-8000-000000000000/revoke")).await;
    expect(404, world.post(&format!("{path}/explode"))).await;
}

#[tokio::test]
async fn paused_subscription_is_not_charged_until_resumed() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let bought = paid(&world, &receiver, "slot-1").await;
    let id = bought["id"].as_str().unwrap();
    let happens = |what: &str| world.post(&format!("/sandbox/polar/subscriptions/{id}/{what}"));
    let api = format!("/sandbox/polar/v1/subscriptions/{id}");
    let update = |body: Value| world.patch(&api).bearer_auth(TOKEN).json(&body);
    let orders = format!("/sandbox/polar/v1/orders/?subscription_id={id}");
    let count = async || {
        expect(200, world.get(&orders).bearer_auth(TOKEN)).await["pagination"]["total_count"].clone()
    };
    expect(409, happens("resume")).await;
    let paused = expect(200, happens("pause")).await;
    assert!(paused["data"]["paused_at"].is_string() && paused["data"]["resumes_at"].is_null(), "{paused}");
    let asked = expect(200, world.get(&api).bearer_auth(TOKEN)).await;
    assert_eq!((&asked["status"], &asked["ended_at"]), (&json!("paused"), &Value::Null));
    for (status, what) in [
        (409, "pause"),
        (403, "renew"),
        (403, "past_due"),
        (403, "lapse"),
        (403, "cancel"),
        (400, "uncancel"),
    ] {
        expect(status, happens(what)).await;
    }
    assert_eq!(count().await, 1);
    let page = send(world.get("/sandbox/polar/")).await.text().await.unwrap();
    assert!(page.contains("/resume") && !page.contains("/renew\""), "{page}");
    let resumed = expect(200, update(json!({"resume": true}))).await;
    assert_eq!((&resumed["status"], &resumed["paused_at"]), (&json!("active"), &Value::Null));
    assert!(resumed["current_period_start"].as_str() > bought["current_period_start"].as_str());
    assert_eq!(count().await, 2);
    expect(409, update(json!({"resume": true}))).await;

    // The API pauses a subscription at the end of its period.
    let too_early = json!({"pause_at_period_end": true, "resumes_at": bought["current_period_start"]});
    expect(422, update(too_early)).await;
    expect(422, update(json!({"pause_at_period_end": true, "resume": true}))).await;
    let later = json!({"pause_at_period_end": true, "resumes_at": "2999-01-01T00:00:00.000Z"});
    let scheduled = expect(200, update(later)).await;
    assert_eq!((&scheduled["status"], &scheduled["pause_at_period_end"]), (&json!("active"), &json!(true)));
    assert_eq!(scheduled["resumes_at"], "2999-01-01T00:00:00.000Z");
    expect(409, update(json!({"pause_at_period_end": true}))).await;
    let taken_back = expect(200, update(json!({"pause_at_period_end": false}))).await;
    assert_eq!(
        (&taken_back["pause_at_period_end"], &taken_back["resumes_at"]),
        (&json!(false), &Value::Null)
    );
    expect(409, update(json!({"pause_at_period_end": false}))).await;
    expect(200, update(json!({"pause_at_period_end": true}))).await;
    assert_eq!(expect(200, happens("renew")).await["data"]["status"], "paused");
    // A paused subscription can be ended at once.
    assert_eq!(expect(200, happens("revoke")).await["data"]["status"], "canceled");
    expect(403, happens("pause")).await;
}

#[tokio::test]
async fn api_revokes_once_and_cancels_with_a_reason() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let subscription = paid(&world, &receiver, "slot-1").await;
    let path = format!("/sandbox/polar/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    let cancel = json!({"cancel_at_period_end": true, "customer_cancellation_reason": "unused"});
    let canceled = expect(200, world.patch(&path).bearer_auth(TOKEN).json(&cancel)).await;
    assert_eq!(
        (&canceled["status"], &canceled["ends_at"]),
        (&json!("active"), &subscription["current_period_end"])
    );
    assert_eq!(canceled["customer_cancellation_reason"], "unused");
    let again = expect(403, world.patch(&path).bearer_auth(TOKEN).json(&cancel)).await;
    assert_eq!(again["error"], "AlreadyCanceledSubscription");
    expect(200, world.patch(&path).bearer_auth(TOKEN).json(&json!({"cancel_at_period_end": false}))).await;
    expect(422, world.patch(&path).bearer_auth(TOKEN).json(&json!({"revoke": "yes"}))).await;
    let revoked = expect(200, world.delete(&path).bearer_auth(TOKEN)).await;
    assert!(revoked["ended_at"].is_string(), "{revoked}");
    let second = expect(403, world.delete(&path).bearer_auth(TOKEN)).await;
    assert_eq!(second["error"], "AlreadyCanceledSubscription");
    let missing = "/sandbox/polar/v1/subscriptions/00000000-0000-4000-8000-000000000000";
    assert_eq!(expect(404, world.delete(missing).bearer_auth(TOKEN)).await["error"], "ResourceNotFound");
}

#[tokio::test]
async fn malformed_requests_are_rejected_as_polar_does() {
    let world = World::start().await;
    let path = "/sandbox/polar/v1/checkouts/";
    let unauthorized = send(world.post(path).json(&json!({"products": ["p"]}))).await;
    assert_eq!(
        (unauthorized.status().as_u16(), unauthorized.headers()["www-authenticate"].to_str().unwrap()),
        (401, "Bearer")
    );
    expect(404, world.get(path).bearer_auth(TOKEN).header("polar-version", "1999-01")).await;
    let versioned = send(world.get(path).bearer_auth(TOKEN).header("polar-version", "2026-04")).await;
    assert_eq!(versioned.headers()["polar-version"], "2026-04");
    let redirect = send(world.get("/sandbox/polar/v1/checkouts?page=2").bearer_auth(TOKEN)).await;
    assert_eq!(redirect.headers()["location"], "/sandbox/polar/v1/checkouts/?page=2");
    expect(422, world.get("/sandbox/polar/v1/checkouts/nonsense").bearer_auth(TOKEN)).await;
    expect(422, world.get("/sandbox/polar/v1/checkouts/?limit=0").bearer_auth(TOKEN)).await;
    let long = "x".repeat(41);
    for (body, place) in [
        (json!({}), json!(["body", "products"])),
        (json!({"products": [""]}), json!(["body", "products", 0])),
        (json!({"products": "p"}), json!(["body", "products"])),
        (json!({"products": ["p"], "metadata": {"k": null}}), json!(["body", "metadata", "k", "str"])),
        (
            json!({"products": ["p"], "metadata": {long.as_str(): 1}}),
            json!(["body", "metadata", long, "[key]"]),
        ),
        (json!({"products": ["p"], "success_url": "nowhere"}), json!(["body", "success_url"])),
        (json!({"products": ["p"], "customer_email": "u@example.com"}), json!(["body", "customer_email"])),
        (json!({"products": ["p"], "customer_ip_address": "::1::"}), json!(["body", "customer_ip_address"])),
    ] {
        let answer = expect(422, world.post(path).bearer_auth(TOKEN).json(&body)).await;
        assert_eq!(
            (&answer["error"], &answer["detail"][0]["loc"]),
            (&json!("RequestValidationError"), &place),
            "{body}"
        );
    }
}

#[tokio::test]
async fn endpoints_receive_subscribed_events_in_either_signature_scheme() {
    let (world, receiver, other) = (World::start().await, Receiver::start().await, Receiver::start().await);
    let path = "/sandbox/polar/v1/webhooks/endpoints";
    expect(
        422,
        world
            .post(path)
            .bearer_auth(TOKEN)
            .json(&json!({"url": "http://example.com/x", "format": "raw", "events": []})),
    )
    .await;
    let body = json!({"url": format!("{}/hook", other.url), "format": "raw", "events": ["order.paid"],
        "uses_standard_webhook_signature": true});
    let endpoint = expect(201, world.post(path).bearer_auth(TOKEN).json(&body)).await;
    paid(&world, &receiver, "slot-1").await;
    let hits = other.wait_for(1).await;
    assert_eq!(types(&hits), ["order.paid"]);
    let encoded = endpoint["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap();
    let mut lenient = data_encoding::BASE64_NOPAD.specification();
    lenient.check_trailing_bits = false;
    verify(&hits[0], lenient.encoding().unwrap().decode(encoded.as_bytes()).unwrap());
    let one = format!("{path}/{}", endpoint["id"].as_str().unwrap());
    expect(200, world.patch(&one).bearer_auth(TOKEN).json(&json!({"enabled": false}))).await;
    expect(204, world.delete(&one).bearer_auth(TOKEN)).await;
    expect(404, world.get(&one).bearer_auth(TOKEN)).await;
}

#[tokio::test]
async fn failed_webhook_is_retried_with_the_same_id_after_a_restart() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.respond_with(500, "");
    checkout(&world, &receiver, "slot-1").await;
    let first = receiver.wait_for(1).await[0].clone();
    let second = receiver.wait_for(2).await[1].clone();
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);

    receiver.respond_with(503, "");
    checkout(&world, &receiver, "slot-2").await;
    let failed = receiver.wait_for(3).await[2].clone();
    let world = world.restart().await;
    let again = receiver.wait_for(4).await[3].clone();
    assert_eq!(failed.headers["webhook-id"], again.headers["webhook-id"]);
    assert_eq!(failed.body, again.body);
    verify(&again, DEFAULT_POLAR_WEBHOOK_SECRET.as_bytes().to_vec());
    let delivered = until(|| async {
        let page = send(world.get("/sandbox/polar/")).await.text().await.unwrap();
        (!page.contains("pending")).then_some(page)
    })
    .await;
    assert!(delivered.contains("checkout.created"), "{delivered}");
}
