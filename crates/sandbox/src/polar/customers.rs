//! The API at `/v1/customers/` and `/v1/customer-sessions/`.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde_json::Value;

use super::{
    documents, not_found,
    objects::{self, Filterable, Kind, Object},
    validate::{self, Issues, Location},
};
use crate::{
    World,
    clock::{is_uuid, now_ms},
    web::HandlerResult,
};

const FILTERS: [Filterable; 1] = [("email", "$.email")];

/// `GET /v1/customers/`.
pub(super) async fn list(State(world): State<World>, RawQuery(query): RawQuery) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    Ok(Json(objects::list_page(&mut conn, Kind::Customer, &FILTERS, query.as_deref()).await?).into_response())
}

/// `GET /v1/customers/{id}`.
pub(super) async fn get(State(world): State<World>, Path(id): Path<String>) -> HandlerResult {
    validate::uuid(&id)?;
    let mut conn = world.db.acquire().await?;
    let customer = objects::find(&mut conn, Kind::Customer, &id).await?.ok_or_else(not_found)?;
    Ok(Json(customer.doc).into_response())
}

/// `GET /v1/customers/external/{external_id}`.
pub(super) async fn get_external(State(world): State<World>, Path(id): Path<String>) -> HandlerResult {
    let mut conn = world.db.acquire().await?;
    let customer = objects::find_customer_by_external_id(&mut conn, &id).await?.ok_or_else(not_found)?;
    Ok(Json(customer.doc).into_response())
}

/// `POST /v1/customer-sessions/` with `customer_id` or `external_customer_id`: 201 with the URL of the portal, or 422 for an
/// unknown customer.
pub(super) async fn create_session(State(world): State<World>, raw: Bytes) -> HandlerResult {
    let body = validate::object(&raw)?;
    let mut issues = Issues::default();
    validate::web_url(&body, "return_url", &mut issues);
    let given = |name: &str| body.get(name).and_then(Value::as_str);
    let mut tx = world.db.begin().await?;
    let (field, customer) = match (given("customer_id"), given("external_customer_id")) {
        (Some(id), None) if is_uuid(id) => ("customer_id", objects::find(&mut tx, Kind::Customer, id).await?),
        (None, Some(id)) => {
            ("external_customer_id", objects::find_customer_by_external_id(&mut tx, id).await?)
        }
        _ => ("customer_id", None),
    };
    if customer.is_none() {
        issues.add(Location::Body, &[field], "Customer does not exist.", "value_error");
    }
    issues.check()?;
    let customer = customer.ok_or_else(not_found)?;
    let doc = documents::customer_session(&customer.doc, given("return_url"), &world.public_url, now_ms());
    let session = Object { id: objects::id_of(&doc), webhook_url: customer.webhook_url, doc };
    objects::insert(&mut tx, Kind::CustomerSession, &session).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(session.doc)).into_response())
}
