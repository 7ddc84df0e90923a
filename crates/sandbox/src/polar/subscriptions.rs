//! The API at `/v1/subscriptions/` and `/v1/orders/`.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    response::IntoResponse,
};
use serde_json::{Map, Value, json};

use super::{
    error,
    lifecycle::{self, Happening},
    not_found,
    objects::{self, Filterable, Kind},
    validate::{self, Issues, Place},
};
use crate::{World, clock::parse_rfc3339, web::Answer};

const FILTERS: [Filterable; 7] = [
    ("customer_id", "$.customer_id"),
    ("external_customer_id", "$.customer.external_id"),
    ("product_id", "$.product_id"),
    ("status", "$.status"),
    ("checkout_id", "$.checkout_id"),
    ("cancel_at_period_end", "$.cancel_at_period_end"),
    ("discount_id", "$.discount_id"),
];
const ORDER_FILTERS: [Filterable; 7] = [
    ("customer_id", "$.customer_id"),
    ("external_customer_id", "$.customer.external_id"),
    ("product_id", "$.product_id"),
    ("status", "$.status"),
    ("checkout_id", "$.checkout_id"),
    ("subscription_id", "$.subscription_id"),
    ("billing_reason", "$.billing_reason"),
];
/// The body of `PATCH` has at most one of these fields.
const UPDATES: [&str; 4] = ["cancel_at_period_end", "pause_at_period_end", "resume", "revoke"];
const REASONS: [&str; 8] = [
    "customer_service",
    "low_quality",
    "missing_features",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
    "other",
];

/// `GET /v1/subscriptions/`.
pub(super) async fn list(State(world): State<World>, RawQuery(query): RawQuery) -> Answer {
    let mut conn = world.db.acquire().await?;
    Ok(Json(objects::page(&mut conn, Kind::Subscription, &FILTERS, query.as_deref()).await?).into_response())
}

/// `GET /v1/subscriptions/{id}`.
pub(super) async fn read(State(world): State<World>, Path(id): Path<String>) -> Answer {
    read_one(&world, Kind::Subscription, &id).await
}

/// `GET /v1/orders/`.
pub(super) async fn list_orders(State(world): State<World>, RawQuery(query): RawQuery) -> Answer {
    let mut conn = world.db.acquire().await?;
    Ok(Json(objects::page(&mut conn, Kind::Order, &ORDER_FILTERS, query.as_deref()).await?).into_response())
}

/// `GET /v1/orders/{id}`.
pub(super) async fn read_order(State(world): State<World>, Path(id): Path<String>) -> Answer {
    read_one(&world, Kind::Order, &id).await
}

async fn read_one(world: &World, kind: Kind, id: &str) -> Answer {
    validate::id(id)?;
    let mut conn = world.db.acquire().await?;
    let object = objects::get(&mut conn, kind, id).await?.ok_or_else(not_found)?;
    Ok(Json(object.doc).into_response())
}

/// `DELETE /v1/subscriptions/{id}`: ends the subscription now, or 403 if it has ended already.
pub(super) async fn revoke(State(world): State<World>, Path(id): Path<String>) -> Answer {
    validate::id(&id)?;
    Ok(Json(happen(&world, &id, Happening::Revoke, Map::new()).await?).into_response())
}

/// `PATCH /v1/subscriptions/{id}`: `{"cancel_at_period_end": …}`, `{"pause_at_period_end": …}`, `{"resume": true}`,
/// `{"revoke": true}` or `{"metadata": {…}}`.
pub(super) async fn update(State(world): State<World>, Path(id): Path<String>, raw: Bytes) -> Answer {
    validate::id(&id)?;
    let body = validate::object(&raw)?;
    let mut issues = Issues::default();
    validate::metadata(&body, "metadata", &mut issues);
    let reason = body.get("customer_cancellation_reason").unwrap_or(&Value::Null);
    if !reason.is_null() && !REASONS.iter().any(|known| reason == known) {
        issues.add(Place::Body, &["customer_cancellation_reason"], "Input should be a known reason", "enum");
    }
    let chosen: Vec<(&str, &Value)> =
        UPDATES.iter().filter_map(|name| Some((*name, body.get(*name)?))).collect();
    let happening = match chosen.as_slice() {
        [("cancel_at_period_end", Value::Bool(true))] => Some(Happening::Cancel),
        [("cancel_at_period_end", Value::Bool(false))] => Some(Happening::Uncancel),
        [("pause_at_period_end", Value::Bool(true))] => Some(Happening::SchedulePause),
        [("pause_at_period_end", Value::Bool(false))] => Some(Happening::UnschedulePause),
        [("resume", Value::Bool(true))] => Some(Happening::Resume),
        [("revoke", Value::Bool(true))] => Some(Happening::Revoke),
        [] if body.contains_key("metadata") => None,
        _ => {
            issues.add(
                Place::Body,
                &["SubscriptionUpdate"],
                "Input should be one of the known updates",
                "union",
            );
            None
        }
    };
    let resumes_at = body.get("resumes_at").filter(|_| happening == Some(Happening::SchedulePause));
    if let Some(at) = resumes_at {
        resumption(&world, &id, at, &mut issues).await?;
    }
    issues.check()?;
    let kept = ["customer_cancellation_reason", "customer_cancellation_comment", "metadata"];
    let mut changes: Map<String, Value> =
        kept.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone()))).collect();
    if let Some(at) = resumes_at {
        changes.insert("resumes_at".to_owned(), at.clone());
    }
    let doc = match happening {
        Some(action) => happen(&world, &id, action, changes).await?,
        None => change(&world, &id, changes).await?,
    };
    Ok(Json(doc).into_response())
}

/// Validates `resumes_at`, which must be after the current period.
async fn resumption(world: &World, id: &str, at: &Value, issues: &mut Issues) -> Answer<()> {
    let mut conn = world.db.acquire().await?;
    let subscription = objects::get(&mut conn, Kind::Subscription, id).await?.ok_or_else(not_found)?;
    let period_end = parse_rfc3339(subscription.text("current_period_end"));
    let resumes_at = at.as_str().and_then(parse_rfc3339);
    if !at.is_null() && (resumes_at.is_none() || resumes_at <= period_end) {
        let message = "resumes_at must be after the current period end.";
        issues.add(Place::Body, &["resumes_at"], message, "value_error");
    }
    Ok(())
}

/// Sets `changes` on a subscription and then applies an action to it.
pub(super) async fn happen(
    world: &World,
    id: &str,
    happening: Happening,
    changes: Map<String, Value>,
) -> Answer<Value> {
    let mut tx = world.db.begin().await?;
    let mut subscription = objects::get(&mut tx, Kind::Subscription, id).await?.ok_or_else(not_found)?;
    if !changes.is_empty() {
        lifecycle::set(&mut subscription.doc, Value::Object(changes));
    }
    lifecycle::happen(&mut tx, &mut subscription, happening).await?;
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(subscription.doc)
}

async fn change(world: &World, id: &str, changes: Map<String, Value>) -> Answer<Value> {
    let mut tx = world.db.begin().await?;
    let mut subscription = objects::get(&mut tx, Kind::Subscription, id).await?.ok_or_else(not_found)?;
    if !subscription.doc["ended_at"].is_null() {
        return Err(error(403, "AlreadyCanceledSubscription", "This subscription is already canceled."));
    }
    lifecycle::set(&mut subscription.doc, json!(changes));
    objects::save(&mut tx, &subscription).await?;
    let mut stage = super::events::Stage::new(&subscription.webhook_url);
    stage.says("subscription.updated", &subscription.doc);
    stage.publish(&mut tx).await?;
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(subscription.doc)
}
