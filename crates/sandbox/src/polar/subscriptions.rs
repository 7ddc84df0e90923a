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
    lifecycle::{self, SubscriptionAction},
    not_found,
    objects::{self, Filterable, Kind},
    validate::{self, Issues, Location},
};
use crate::{World, clock::parse_rfc3339, web::HandlerResult};

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
const UPDATE_FIELDS: [&str; 4] = ["cancel_at_period_end", "pause_at_period_end", "resume", "revoke"];
const CANCELLATION_REASONS: [&str; 8] = [
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
pub(super) async fn list(State(world): State<World>, RawQuery(query): RawQuery) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    Ok(Json(objects::list_page(&mut conn, Kind::Subscription, &FILTERS, query.as_deref()).await?)
        .into_response())
}

/// `GET /v1/subscriptions/{id}`.
pub(super) async fn get(State(world): State<World>, Path(id): Path<String>) -> HandlerResult {
    get_object(&world, Kind::Subscription, &id).await
}

/// `GET /v1/orders/`.
pub(super) async fn list_orders(State(world): State<World>, RawQuery(query): RawQuery) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    Ok(Json(objects::list_page(&mut conn, Kind::Order, &ORDER_FILTERS, query.as_deref()).await?)
        .into_response())
}

/// `GET /v1/orders/{id}`.
pub(super) async fn get_order(State(world): State<World>, Path(id): Path<String>) -> HandlerResult {
    get_object(&world, Kind::Order, &id).await
}

async fn get_object(world: &World, kind: Kind, id: &str) -> HandlerResult {
    validate::uuid(id)?;
    let mut conn = world.db.acquire().await?;
    let object = objects::find(&mut conn, kind, id).await?.ok_or_else(not_found)?;
    Ok(Json(object.doc).into_response())
}

/// `DELETE /v1/subscriptions/{id}`: ends the subscription now, or 403 if it has ended already.
pub(super) async fn revoke(State(world): State<World>, Path(id): Path<String>) -> HandlerResult {
    validate::uuid(&id)?;
    Ok(Json(apply_action(&world, &id, SubscriptionAction::Revoke, Map::new()).await?).into_response())
}

/// `PATCH /v1/subscriptions/{id}`: `{"cancel_at_period_end": …}`, `{"pause_at_period_end": …}`, `{"resume": true}`,
/// `{"revoke": true}` or `{"metadata": {…}}`.
pub(super) async fn update(State(world): State<World>, Path(id): Path<String>, raw: Bytes) -> HandlerResult {
    validate::uuid(&id)?;
    let body = validate::object(&raw)?;
    let mut issues = Issues::default();
    validate::metadata(&body, "metadata", &mut issues);
    let reason = body.get("customer_cancellation_reason").unwrap_or(&Value::Null);
    if !reason.is_null() && !CANCELLATION_REASONS.iter().any(|known| reason == known) {
        issues.add(
            Location::Body,
            &["customer_cancellation_reason"],
            "Input should be a known reason",
            "enum",
        );
    }
    let chosen: Vec<(&str, &Value)> =
        UPDATE_FIELDS.iter().filter_map(|name| Some((*name, body.get(*name)?))).collect();
    let action = match chosen.as_slice() {
        [("cancel_at_period_end", Value::Bool(true))] => Some(SubscriptionAction::Cancel),
        [("cancel_at_period_end", Value::Bool(false))] => Some(SubscriptionAction::Uncancel),
        [("pause_at_period_end", Value::Bool(true))] => Some(SubscriptionAction::SchedulePause),
        [("pause_at_period_end", Value::Bool(false))] => Some(SubscriptionAction::UnschedulePause),
        [("resume", Value::Bool(true))] => Some(SubscriptionAction::Resume),
        [("revoke", Value::Bool(true))] => Some(SubscriptionAction::Revoke),
        [] if body.contains_key("metadata") => None,
        _ => {
            issues.add(
                Location::Body,
                &["SubscriptionUpdate"],
                "Input should be one of the known updates",
                "union",
            );
            None
        }
    };
    let resumes_at = body.get("resumes_at").filter(|_| action == Some(SubscriptionAction::SchedulePause));
    if let Some(at) = resumes_at {
        validate_resumes_at(&world, &id, at, &mut issues).await?;
    }
    issues.check()?;
    let kept = ["customer_cancellation_reason", "customer_cancellation_comment", "metadata"];
    let mut changes: Map<String, Value> =
        kept.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone()))).collect();
    if let Some(at) = resumes_at {
        changes.insert("resumes_at".to_owned(), at.clone());
    }
    let doc = match action {
        Some(action) => apply_action(&world, &id, action, changes).await?,
        None => update_metadata(&world, &id, changes).await?,
    };
    Ok(Json(doc).into_response())
}

/// Validates `resumes_at`, which must be after the current period.
async fn validate_resumes_at(world: &World, id: &str, at: &Value, issues: &mut Issues) -> HandlerResult<()> {
    let mut conn = world.db.acquire().await?;
    let subscription = objects::find(&mut conn, Kind::Subscription, id).await?.ok_or_else(not_found)?;
    let period_end = parse_rfc3339(subscription.text("current_period_end"));
    let resumes_at = at.as_str().and_then(parse_rfc3339);
    if !at.is_null() && (resumes_at.is_none() || resumes_at <= period_end) {
        let message = "resumes_at must be after the current period end.";
        issues.add(Location::Body, &["resumes_at"], message, "value_error");
    }
    Ok(())
}

/// Sets `changes` on a subscription and then applies an action to it.
pub(super) async fn apply_action(
    world: &World,
    id: &str,
    action: SubscriptionAction,
    changes: Map<String, Value>,
) -> HandlerResult<Value> {
    let mut tx = world.db.begin().await?;
    let mut subscription = objects::find(&mut tx, Kind::Subscription, id).await?.ok_or_else(not_found)?;
    if !changes.is_empty() {
        objects::update_fields(&mut subscription.doc, Value::Object(changes));
    }
    lifecycle::apply(&mut tx, &mut subscription, action).await?;
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(subscription.doc)
}

async fn update_metadata(world: &World, id: &str, changes: Map<String, Value>) -> HandlerResult<Value> {
    let mut tx = world.db.begin().await?;
    let mut subscription = objects::find(&mut tx, Kind::Subscription, id).await?.ok_or_else(not_found)?;
    if !subscription.doc["ended_at"].is_null() {
        return Err(error(403, "AlreadyCanceledSubscription", "This subscription is already canceled."));
    }
    objects::update_fields(&mut subscription.doc, json!(changes));
    objects::update(&mut tx, &subscription).await?;
    let mut batch = super::events::EventBatch::new(&subscription.webhook_url);
    batch.push("subscription.updated", &subscription.doc);
    batch.enqueue(&mut tx).await?;
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(subscription.doc)
}
