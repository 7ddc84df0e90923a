//! The API at `/v1/webhooks/endpoints`, which manages endpoints in addition to the default one.

use std::net::IpAddr;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde_json::{Map, Value, json};
use url::{Host, Url};

use super::{
    documents::ORGANIZATION_ID,
    endpoints::{self, ENDPOINTS_MAX, EVENTS},
    error, not_found,
    objects::{self, Kind, Object, id_of, update_fields},
    validate::{self, Issues, Location},
};
use crate::{
    World,
    clock::{new_id, now_ms, random_base62, rfc3339},
    web::HandlerResult,
};

/// `GET /v1/webhooks/endpoints`.
pub(super) async fn list(State(world): State<World>, RawQuery(query): RawQuery) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    Ok(Json(objects::list_page(&mut conn, Kind::Endpoint, &[], query.as_deref()).await?).into_response())
}

/// `GET /v1/webhooks/endpoints/{id}`.
pub(super) async fn get(State(world): State<World>, Path(id): Path<String>) -> HandlerResult {
    validate::uuid(&id)?;
    let mut conn = world.db.acquire().await?;
    let endpoint = objects::find(&mut conn, Kind::Endpoint, &id).await?.ok_or_else(not_found)?;
    Ok(Json(endpoint.doc).into_response())
}

/// `POST /v1/webhooks/endpoints`: 201 with a generated secret.
pub(super) async fn create(State(world): State<World>, raw: Bytes) -> HandlerResult {
    let body = validate::object(&raw)?;
    let mut issues = Issues::default();
    for name in ["url", "format", "events"] {
        if !body.contains_key(name) {
            issues.add(Location::Body, &[name], "Field required", "missing");
        }
    }
    validate_body(&body, &mut issues);
    issues.check()?;
    let given = |name: &str, default: Value| body.get(name).cloned().unwrap_or(default);
    let doc = json!({
        "created_at": rfc3339(now_ms()), "modified_at": null, "id": new_id(), "url": body["url"],
        "name": given("name", Value::Null), "format": body["format"], "secret": format!("whsec_{}", random_base62(43)),
        "organization_id": ORGANIZATION_ID, "events": body["events"], "enabled": true,
        "api_version": given("api_version", json!("2026-10")),
        "uses_standard_webhook_signature": given("uses_standard_webhook_signature", json!(false)),
    });
    let endpoint = Object { id: id_of(&doc), webhook_url: String::new(), doc };
    let mut tx = world.db.begin().await?;
    let known = objects::list(&mut tx, Kind::Endpoint, &Map::new(), ENDPOINTS_MAX, 0).await?;
    if i64::try_from(known.len()).is_ok_and(|known| known >= ENDPOINTS_MAX) {
        return Err(error(403, "NotPermitted", "There are too many endpoints."));
    }
    objects::insert(&mut tx, Kind::Endpoint, &endpoint).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(endpoint.doc)).into_response())
}

/// `PATCH /v1/webhooks/endpoints/{id}`.
pub(super) async fn update(State(world): State<World>, Path(id): Path<String>, raw: Bytes) -> HandlerResult {
    validate::uuid(&id)?;
    let mut body = validate::object(&raw)?;
    body.retain(|name, value| {
        !value.is_null()
            && ["url", "name", "format", "events", "enabled", "api_version"].contains(&name.as_str())
    });
    let mut issues = Issues::default();
    validate_body(&body, &mut issues);
    issues.check()?;
    let mut tx = world.db.begin().await?;
    let mut endpoint = objects::find(&mut tx, Kind::Endpoint, &id).await?.ok_or_else(not_found)?;
    update_fields(&mut endpoint.doc, Value::Object(body));
    objects::update(&mut tx, &endpoint).await?;
    if endpoint.doc["enabled"] == true {
        endpoints::reset_failures(&mut tx, &id).await?;
    }
    tx.commit().await?;
    Ok(Json(endpoint.doc).into_response())
}

/// `DELETE /v1/webhooks/endpoints/{id}`: 204. Pending deliveries to it are deleted.
pub(super) async fn delete(State(world): State<World>, Path(id): Path<String>) -> HandlerResult {
    validate::uuid(&id)?;
    let mut tx = world.db.begin().await?;
    if !objects::delete(&mut tx, Kind::Endpoint, &id).await? {
        return Err(not_found());
    }
    sqlx::query("delete from polar_deliveries where endpoint_id = $1 and state = 'pending'")
        .bind(&id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn validate_body(body: &Map<String, Value>, issues: &mut Issues) {
    if body.get("url").is_some_and(|url| !url.as_str().is_some_and(is_receiver_url)) {
        issues.add(Location::Body, &["url"], "URL must be HTTPS.", "value_error");
    }
    if body.get("format").is_some_and(|format| format != "raw" && format != "discord" && format != "slack") {
        issues.add(Location::Body, &["format"], "Input should be 'raw', 'discord' or 'slack'", "enum");
    }
    if body
        .get("events")
        .is_some_and(|events| !events.as_array().is_some_and(|events| events.iter().all(is_known_event)))
    {
        issues.add(Location::Body, &["events"], "Input should be a list of known events", "enum");
    }
    for name in ["enabled", "uses_standard_webhook_signature"] {
        if body.get(name).is_some_and(|value| !value.is_boolean()) {
            issues.add(Location::Body, &[name], "Input should be a valid boolean", "bool_type");
        }
    }
}

fn is_known_event(event: &Value) -> bool {
    EVENTS.iter().any(|known| event == known)
}

/// Polar requires HTTPS and a public host. The sandbox also accepts loopback addresses, because Reef runs on the same
/// machine.
fn is_receiver_url(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => return false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}
