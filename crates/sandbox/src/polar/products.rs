//! The API at `/v1/products/`, which has a monthly product for every id.

use axum::{Json, extract::Path, response::IntoResponse};
use serde_json::json;

use super::{documents, not_found};
use crate::web::HandlerResult;

/// The `created_at` of every product.
const CREATED_AT: &str = "2026-01-01T00:00:00.000Z";
/// A product whose id contains this does not exist.
pub(super) const UNKNOWN_MARKER: &str = "unknown";
/// A product whose id contains this is archived.
pub(super) const ARCHIVED_MARKER: &str = "archived";

/// `GET /v1/products/{id}`.
pub(super) async fn get(Path(id): Path<String>) -> HandlerResult {
    if id.contains(UNKNOWN_MARKER) {
        return Err(not_found());
    }
    let mut product = documents::product(&id, CREATED_AT);
    product["is_archived"] = json!(id.contains(ARCHIVED_MARKER));
    Ok(Json(product).into_response())
}
