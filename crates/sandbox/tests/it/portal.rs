//! Products, customers and the billing portal.

use serde_json::{Value, json};

use crate::harness::{Receiver, World, expect, send, until};

const TOKEN: &str = "polar_oat_test";
const SESSIONS: &str = "/sandbox/polar/v1/customer-sessions/";

/// Pays a checkout of `user-1` and returns the subscription.
async fn paid(world: &World, receiver: &Receiver) -> Value {
    let body = json!({"products": ["sandbox-byok"], "external_customer_id": "user-1",
        "metadata": {"assistant_id": "assistant-1"}, "success_url": format!("{}/back", receiver.url)});
    let checkout =
        expect(201, world.post("/sandbox/polar/v1/checkouts/").bearer_auth(TOKEN).json(&body)).await;
    send(world.http.post(format!("{}/pay", checkout["url"].as_str().unwrap()))).await;
    subscription(world).await
}

async fn subscription(world: &World) -> Value {
    let query = "/sandbox/polar/v1/subscriptions/?external_customer_id=user-1";
    expect(200, world.get(query).bearer_auth(TOKEN)).await["items"][0].clone()
}

async fn text(request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = send(request).await;
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Waits for the events after the first `after` ones and asserts their types.
async fn events(receiver: &Receiver, after: usize, types: &[&str]) {
    let found = until(|| async {
        let hits = receiver.requests();
        let arrived: Vec<_> =
            hits.iter().skip(after).map(|hit| hit.json()["type"].as_str().unwrap().to_owned()).collect();
        (arrived.len() >= types.len()).then_some(arrived)
    })
    .await;
    assert_eq!(found, types);
}

#[tokio::test]
async fn product_has_a_price_and_unknown_product_returns_404() {
    let world = World::start().await;
    let product = |id: &str| world.get(&format!("/sandbox/polar/v1/products/{id}")).bearer_auth(TOKEN);
    let managed = expect(200, product("sandbox-managed")).await;
    assert_eq!(managed["recurring_interval"], "month");
    let price = &managed["prices"][0];
    assert_eq!((&price["amount_type"], &price["price_amount"]), (&json!("fixed"), &json!(2_900)));
    expect(404, product("unknown-product")).await;
}

#[tokio::test]
async fn customer_cancels_uncancels_pauses_and_changes_the_card() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let open = |body: Value| world.post(SESSIONS).bearer_auth(TOKEN).json(&body);
    let unknown = expect(422, open(json!({"external_customer_id": "user-1"}))).await;
    assert_eq!(unknown["detail"][0]["loc"], json!(["body", "external_customer_id"]));
    let bought = paid(&world, &receiver).await;
    let id = bought["id"].as_str().unwrap();
    let known =
        expect(200, world.get("/sandbox/polar/v1/customers/external/user-1").bearer_auth(TOKEN)).await;
    assert_eq!(known["id"], bought["customer_id"]);

    let session = expect(
        201,
        open(json!({"external_customer_id": "user-1", "return_url": "https://reef.test/billing"})),
    )
    .await;
    let portal = session["customer_portal_url"].as_str().unwrap();
    let token = session["token"].as_str().unwrap();
    assert!(token.starts_with("polar_cst_") && portal.ends_with(token), "{portal}");
    let (status, page) = text(world.http.get(portal)).await;
    assert_eq!(status, 200);
    for part in
        ["Invoice SANDBOX-", "https://reef.test/billing", "Visa ending in 4242", "Renews on", "/cancel?"]
    {
        assert!(page.contains(part), "no {part} in {page}");
    }
    let at = |path: &str| world.post(&format!("/sandbox/polar/portal{path}?customer_session_token={token}"));

    let before = receiver.wait_for(10).await.len();
    let cancel = format!("/subscriptions/{id}/cancel");
    for _ in 0..2 {
        assert_eq!(send(at(&cancel)).await.status(), 303, "a second press succeeds, too");
    }
    events(&receiver, before, &["subscription.updated", "subscription.canceled"]).await;
    assert_eq!(subscription(&world).await["cancel_at_period_end"], true);
    assert_eq!(send(at(&format!("/subscriptions/{id}/uncancel"))).await.status(), 303);
    events(&receiver, before + 2, &["subscription.updated", "subscription.uncanceled"]).await;
    expect(404, at(&format!("/subscriptions/{id}/revoke"))).await;
    for (press, flag) in [("pause", true), ("pause", true), ("unpause", false), ("unpause", false)] {
        assert_eq!(send(at(&format!("/subscriptions/{id}/{press}"))).await.status(), 303);
        assert_eq!(subscription(&world).await["pause_at_period_end"], flag, "{press}");
    }
    events(&receiver, before + 4, &["subscription.updated", "subscription.updated"]).await;
    let paused = expect(200, world.post(&format!("/sandbox/polar/subscriptions/{id}/pause"))).await;
    assert_eq!(paused["data"]["status"], "paused");
    assert!(text(world.http.get(portal)).await.1.contains("Paused. You aren’t charged."));
    for _ in 0..2 {
        assert_eq!(send(at(&format!("/subscriptions/{id}/resume"))).await.status(), 303);
        assert_eq!(subscription(&world).await["status"], "active");
    }
    // The undone pause sent two events, the other pause two, and its end five.
    let before = before + 9;

    // With a declined card the renewal fails. A change to a valid card charges it at once.
    let card = |digits: &'static str| at("/card").form(&[("card", digits)]);
    assert_eq!(send(card("0341")).await.status(), 303);
    expect(200, world.post(&format!("/sandbox/polar/subscriptions/{id}/renew"))).await;
    assert_eq!(subscription(&world).await["status"], "past_due");
    assert_eq!(send(card("4242")).await.status(), 303);
    assert_eq!(subscription(&world).await["status"], "active");
    let hits = receiver.wait_for(before + 15).await;
    assert_eq!(hits.last().unwrap().json()["type"], "subscription.active");
    expect(400, card("1")).await;
}

#[tokio::test]
async fn portal_names_product_and_assistant_of_every_subscription() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    paid(&world, &receiver).await;
    for (product, metadata) in [
        ("sandbox-managed", json!({"assistant_id": "assistant-2", "assistant_name": "Pearl"})),
        ("another-product", json!({})),
    ] {
        let body = json!({"products": [product], "external_customer_id": "user-1", "metadata": metadata});
        let checkout =
            expect(201, world.post("/sandbox/polar/v1/checkouts/").bearer_auth(TOKEN).json(&body)).await;
        send(world.http.post(format!("{}/pay", checkout["url"].as_str().unwrap()))).await;
    }
    let session = world.post(SESSIONS).bearer_auth(TOKEN).json(&json!({"external_customer_id": "user-1"}));
    let session = expect(201, session).await;
    let (_, page) = text(world.http.get(session["customer_portal_url"].as_str().unwrap())).await;
    // Each is shown with its subscription and with its invoice.
    for part in [
        "<td>Assistant (Bring your own key)</td><td><code>assistant-1</code></td>",
        "<td>Assistant (Managed)</td><td>Pearl <code>assistant-2</code></td>",
        "<td>another-product</td><td></td>",
    ] {
        assert_eq!(page.matches(part).count(), 2, "{part} in {page}");
    }
}

#[tokio::test]
async fn portal_session_cannot_reach_another_customer() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let bought = paid(&world, &receiver).await;
    let id = bought["id"].as_str().unwrap();
    // The other customer has a subscription as well.
    let body = json!({"products": ["sandbox-byok"], "external_customer_id": "user-2"});
    let checkout =
        expect(201, world.post("/sandbox/polar/v1/checkouts/").bearer_auth(TOKEN).json(&body)).await;
    send(world.http.post(format!("{}/pay", checkout["url"].as_str().unwrap()))).await;
    let session =
        expect(201, world.post(SESSIONS).bearer_auth(TOKEN).json(&json!({"external_customer_id": "user-2"})))
            .await;
    let token = session["token"].as_str().unwrap();
    let query = format!("customer_session_token={token}");
    expect(404, world.post(&format!("/sandbox/polar/portal/subscriptions/{id}/cancel?{query}"))).await;
    let orders =
        expect(200, world.get("/sandbox/polar/v1/orders/?external_customer_id=user-1").bearer_auth(TOKEN))
            .await;
    let order = orders["items"][0]["id"].as_str().unwrap();
    expect(404, world.get(&format!("/sandbox/polar/portal/orders/{order}?{query}"))).await;
    for nonsense in ["", "?customer_session_token=polar_cst_nonsense"] {
        assert_eq!(text(world.get(&format!("/sandbox/polar/portal{nonsense}"))).await.0, 401);
    }
    assert_eq!(subscription(&world).await["cancel_at_period_end"], false);
}
