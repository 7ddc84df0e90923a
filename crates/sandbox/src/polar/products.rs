//! `/v1/products/`: whatever is asked for is sold by the month.

use axum::{Json, extract::Path, response::IntoResponse};
use serde_json::json;

use super::{not_found, shapes};
use crate::web::Answer;

/// Since when all products are sold.
const SINCE: &str = "2026-01-01T00:00:00.000Z";
/// In a product's id: there is none.
pub(super) const UNKNOWN: &str = "unknown";
/// In a product's id: it is not sold any more.
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
