//! The API at `/v1/checkouts/` and the expiry of checkouts.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};
use sqlx::SqliteConnection;
use url::Url;

use super::{
    documents,
    events::EventBatch,
    lifecycle::find_customer,
    not_found,
    objects::{self, Filterable, Kind, Object, update_fields},
    validate,
};
use crate::{
    World,
    clock::{now_ms, parse_rfc3339},
    web::HandlerResult,
};

const FILTERS: [Filterable; 5] = [
    ("external_customer_id", "$.external_customer_id"),
    ("customer_id", "$.customer_id"),
    ("product_id", "$.product_id"),
    ("status", "$.status"),
    ("query", "$.customer_email"),
];
const EXPIRE_MAX: i64 = 500;

/// `POST /v1/checkouts/`: 201 with an open checkout.
pub(super) async fn create(State(world): State<World>, raw: Bytes) -> HandlerResult {
    let body = validate::object(&raw)?;
    validate::checkout(&body)?;
    let mut tx = world.db.begin().await?;
    let customer = find_customer(&mut tx, &Value::Object(body.clone())).await?;
    let doc = documents::checkout(
        &body,
        &world.public_url,
        customer.as_ref().map(|customer| &customer.doc),
        now_ms(),
    );
    let checkout = Object {
        id: doc["id"].as_str().unwrap_or_default().to_owned(),
        webhook_url: webhook_url(&world, &body),
        doc,
    };
    objects::insert(&mut tx, Kind::Checkout, &checkout).await?;
    let mut batch = EventBatch::new(&checkout.webhook_url);
    batch.push("checkout.created", &checkout.doc);
    batch.enqueue(&mut tx).await?;
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok((StatusCode::CREATED, Json(checkout.doc)).into_response())
}

/// Returns the URL of the default endpoint. Unless it is configured, it has the origin of the `success_url`.
fn webhook_url(world: &World, body: &Map<String, Value>) -> String {
    if let Some(url) = &world.polar_webhook_url {
        return url.clone();
    }
    let origin = body
        .get("success_url")
        .and_then(Value::as_str)
        .and_then(|url| Url::parse(url).ok())
        .map_or_else(|| world.public_url.clone(), |url| url.origin().ascii_serialization());
    format!("{origin}/webhooks/polar")
}

/// `GET /v1/checkouts/{id}`.
pub(super) async fn get(State(world): State<World>, Path(id): Path<String>) -> HandlerResult {
    validate::uuid(&id)?;
    let mut conn = world.db.acquire().await?;
    let checkout = objects::find(&mut conn, Kind::Checkout, &id).await?.ok_or_else(not_found)?;
    Ok(Json(checkout.doc).into_response())
}

/// `GET /v1/checkouts/`.
pub(super) async fn list(State(world): State<World>, RawQuery(query): RawQuery) -> HandlerResult<Response> {
    let mut conn = world.db.acquire().await?;
    let page = objects::list_page(&mut conn, Kind::Checkout, &FILTERS, query.as_deref()).await?;
    Ok(Json(page).into_response())
}

/// Whether a checkout is still open although its time is over.
pub(super) fn is_expired(checkout: &Object) -> bool {
    checkout.text("status") == "open"
        && parse_rfc3339(checkout.text("expires_at")).is_none_or(|at| at <= now_ms())
}

pub(super) async fn expire(conn: &mut SqliteConnection, checkout: &mut Object) -> HandlerResult<()> {
    update_fields(&mut checkout.doc, serde_json::json!({"status": "expired"}));
    objects::update(conn, checkout).await?;
    let mut batch = EventBatch::new(&checkout.webhook_url);
    batch.push("checkout.updated", &checkout.doc);
    batch.push("checkout.expired", &checkout.doc);
    batch.enqueue(conn).await
}

/// Expires the open checkouts whose time is over.
pub(crate) async fn expire_due(world: &World) -> anyhow::Result<()> {
    let mut tx = world.db.begin().await?;
    let due: Vec<Object> = sqlx::query_as(
        "select id, webhook_url, doc from polar_objects
         where kind = 'checkout' and json_extract(doc, '$.status') = 'open' and json_extract(doc, '$.expires_at') <= $1
         order by seq limit $2",
    )
    .bind(crate::clock::rfc3339(now_ms()))
    .bind(EXPIRE_MAX)
    .fetch_all(&mut *tx)
    .await?;
    for mut checkout in due {
        expire(&mut tx, &mut checkout).await.map_err(|refusal| anyhow::anyhow!("{}", refusal.body))?;
    }
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(())
}
