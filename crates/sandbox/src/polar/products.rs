//! The API at `/v1/products/`, which has a monthly product for every id.

use axum::{Json, extract::Path, response::IntoResponse};
use serde_json::json;

use super::{not_found, shapes};
use crate::web::Answer;

/// The `created_at` of every product.
const SINCE: &str = "2026-01-01T00:00:00.000Z";
/// A product whose id contains this does not exist.
pub(super) const UNKNOWN: &str = "unknown";
/// A product whose id contains this is archived.
pub(super) const ARCHIVED: &str = "archived";

/// `GET /v1/products/{id}`.
pub(super) async fn read(Path(id): Path<String>) -> Answer {
    if id.contains(UNKNOWN) {
        return Err(not_found());
    }
    let mut product = shapes::product(&id, SINCE);
    product["is_archived"] = json!(id.contains(ARCHIVED));
    Ok(Json(product).into_response())
}
