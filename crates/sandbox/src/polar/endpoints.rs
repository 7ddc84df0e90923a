//! The default webhook endpoint, which exists without an API call, and the disabling of endpoints that keep failing.

use serde_json::{Map, Value, json};
use sqlx::{SqliteConnection, SqlitePool};

use super::{
    documents::ORGANIZATION_ID,
    objects::{self, Kind, Object, id_of, update_fields},
};
use crate::{
    World,
    clock::{new_id, now_ms, rfc3339},
};

/// The maximum number of endpoints.
pub(super) const ENDPOINTS_MAX: i64 = 100;
/// The events that an endpoint may subscribe to.
pub(super) const EVENTS: [&str; 24] = [
    "checkout.created",
    "checkout.updated",
    "checkout.expired",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "customer.state_changed",
    "order.created",
    "order.updated",
    "order.paid",
    "order.refunded",
    "subscription.created",
    "subscription.updated",
    "subscription.active",
    "subscription.canceled",
    "subscription.uncanceled",
    "subscription.cycled",
    "subscription.revoked",
    "subscription.past_due",
    "subscription.paused",
    "subscription.resumed",
    "subscription.migrated",
    "refund.created",
    "refund.updated",
];

/// The name that identifies the default endpoint.
const DEFAULT_NAME: &str = "The sandbox\u{2019}s default endpoint";
/// Polar disables an endpoint after this many consecutive failed events.
const FAILURES_MAX: usize = 10;

/// Whether an endpoint is signed with the secret from the sandbox's options.
pub(super) fn is_default(endpoint: &Object) -> bool {
    endpoint.text("name") == DEFAULT_NAME
}

/// Creates the default endpoint, unless an endpoint has this URL.
pub(super) async fn ensure_default(conn: &mut SqliteConnection, url: &str) -> sqlx::Result<()> {
    let known = objects::list(conn, Kind::Endpoint, &Map::new(), ENDPOINTS_MAX, 0).await?;
    if known.iter().any(|endpoint| endpoint.text("url") == url) {
        return Ok(());
    }
    let doc = json!({
        "created_at": rfc3339(now_ms()), "modified_at": null, "id": new_id(), "url": url, "name": DEFAULT_NAME,
        "format": "raw", "secret": Value::Null, "organization_id": ORGANIZATION_ID, "events": EVENTS, "enabled": true,
        "api_version": "2026-10", "uses_standard_webhook_signature": false,
    });
    objects::insert(conn, Kind::Endpoint, &Object { id: id_of(&doc), webhook_url: String::new(), doc }).await
}

/// Moves the default endpoint and its pending deliveries to the configured URL, which may differ from that of the last
/// start.
pub(crate) async fn reconcile_default(world: &World) -> sqlx::Result<()> {
    let Some(url) = &world.polar_webhook_url else { return Ok(()) };
    let mut tx = world.db.begin().await?;
    for mut endpoint in objects::list(&mut tx, Kind::Endpoint, &Map::new(), ENDPOINTS_MAX, 0).await? {
        if is_default(&endpoint) && endpoint.text("url") != url {
            update_fields(&mut endpoint.doc, json!({"url": url}));
            objects::update(&mut tx, &endpoint).await?;
            sqlx::query("update polar_deliveries set url = $2 where endpoint_id = $1 and state in ('pending', 'held')")
                .bind(&endpoint.id)
                .bind(url)
                .execute(&mut *tx)
                .await?;
        }
    }
    ensure_default(&mut tx, url).await?;
    tx.commit().await
}

/// Disables the endpoint of a delivery if its last ten events all failed, and skips its pending deliveries.
pub(super) async fn disable_after_failures(db: &SqlitePool, seq: i64) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    let given_up: Option<Option<String>> =
        sqlx::query_scalar("select endpoint_id from polar_deliveries where seq = $1 and state = 'failed'")
            .bind(seq)
            .fetch_optional(&mut *tx)
            .await?;
    let Some(Some(id)) = given_up else { return Ok(()) };
    let last: Vec<String> = sqlx::query_scalar(
        "select state from polar_deliveries where endpoint_id = $1 and state in ('delivered', 'failed')
         order by seq desc limit 10",
    )
    .bind(&id)
    .fetch_all(&mut *tx)
    .await?;
    if last.len() < FAILURES_MAX || last.iter().any(|state| state == "delivered") {
        return Ok(());
    }
    if let Some(mut endpoint) = objects::find(&mut tx, Kind::Endpoint, &id).await? {
        update_fields(&mut endpoint.doc, json!({"enabled": false}));
        objects::update(&mut tx, &endpoint).await?;
        skip_deliveries(&mut tx, &id, "pending").await?;
    }
    tx.commit().await
}

/// Resets the failures of an endpoint that is enabled again.
pub(super) async fn reset_failures(conn: &mut SqliteConnection, id: &str) -> sqlx::Result<()> {
    skip_deliveries(conn, id, "failed").await
}

async fn skip_deliveries(conn: &mut SqliteConnection, id: &str, state: &str) -> sqlx::Result<()> {
    sqlx::query("update polar_deliveries set state = 'skipped' where endpoint_id = $1 and state = $2")
        .bind(id)
        .bind(state)
        .execute(conn)
        .await?;
    Ok(())
}
