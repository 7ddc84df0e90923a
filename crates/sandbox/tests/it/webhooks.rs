//! Failing webhooks of Polar: by configured faults, and at endpoints that reject everything.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::harness::{ReceivedRequest, Receiver, World, expect, until};

const TOKEN: &str = "polar_oat_test";
const ENDPOINTS: &str = "/sandbox/polar/v1/webhooks/endpoints";

/// Creates a checkout, which sends one webhook, `checkout.created`.
async fn checkout(world: &World, receiver: &Receiver) {
    let body = json!({"products": ["sandbox-byok"], "success_url": format!("{}/back", receiver.url)});
    expect(201, world.post("/sandbox/polar/v1/checkouts/").bearer_auth(TOKEN).json(&body)).await;
}

fn checkouts(hits: &[ReceivedRequest]) -> Vec<String> {
    hits.iter().map(|hit| hit.json()["data"]["created_at"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn webhooks_are_lost_delayed_and_duplicated_by_faults() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let faults = json!([
        {"path": "/webhooks/polar", "drop": true},
        {"path": "/webhooks/*", "delayMs": 1500},
        {"path": "/webhooks/polar", "twice": true},
        // This fault affects calls and must not affect webhooks.
        {"path": "*", "method": "PUT", "status": 503}]);
    expect(200, world.put("/sandbox/faults").json(&faults)).await;
    for _ in 0..4 {
        checkout(&world, &receiver).await;
    }
    // The first is lost, the second is overtaken, and the third arrives twice with one id.
    let hits = receiver.wait_for(4).await;
    let made = checkouts(&hits);
    assert_ne!(&made[0], made.iter().min().unwrap(), "the second is overtaken: {made:?}");
    assert_eq!(made[0], made[1], "the third arrives twice: {made:?}");
    let ids: BTreeSet<_> = hits.iter().map(|hit| hit.headers["webhook-id"].to_str().unwrap()).collect();
    let all: BTreeSet<_> = made.iter().collect();
    assert_eq!((ids.len(), all.len()), (3, 3), "the first is lost: {made:?}");
    assert_eq!(expect(200, world.get("/sandbox/faults")).await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn endpoint_is_disabled_after_ten_failed_events_and_can_be_enabled_again() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let endpoint = async || {
        let list = expect(200, world.get(ENDPOINTS).bearer_auth(TOKEN)).await;
        list["items"].as_array().unwrap().first().cloned().unwrap_or(Value::Null)
    };
    expect(
        200,
        world
            .put("/sandbox/faults")
            .json(&json!([{"path": "/webhooks/polar", "status": 500, "times": 1000}])),
    )
    .await;
    for _ in 0..11 {
        checkout(&world, &receiver).await;
    }
    assert_eq!(endpoint().await["enabled"], true);
    assert_eq!(endpoint().await["url"], format!("{}/webhooks/polar", receiver.url));
    // Nine of the ten attempts of each event are skipped, so that the test does not have to wait between them.
    let file = SqliteConnectOptions::new().filename(world.folder.path().join("world").join("sandbox.db"));
    let db = SqlitePoolOptions::new().max_connections(1).connect_with(file).await.unwrap();
    let disabled = until(async || {
        sqlx::query("update polar_deliveries set attempts = 9, next_at = 0 where state = 'pending'")
            .execute(&db)
            .await
            .unwrap();
        Some(endpoint().await).filter(|endpoint| endpoint["enabled"] == false)
    })
    .await;
    let states: Vec<(String, i64)> =
        sqlx::query_as("select state, count(*) from polar_deliveries group by state order by state")
            .fetch_all(&db)
            .await
            .unwrap();
    assert_eq!(states, [("failed".to_owned(), 10), ("skipped".to_owned(), 1)]);
    expect(200, world.put("/sandbox/faults").json(&json!([]))).await;
    checkout(&world, &receiver).await;
    let path = format!("{ENDPOINTS}/{}", disabled["id"].as_str().unwrap());
    expect(200, world.patch(&path).bearer_auth(TOKEN).json(&json!({"enabled": true}))).await;
    checkout(&world, &receiver).await;
    assert_eq!(
        receiver.wait_for(1).await.len(),
        1,
        "events that occurred while the endpoint was disabled are not sent"
    );
    assert_eq!(endpoint().await["enabled"], true);
}
