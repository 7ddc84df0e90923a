//! `/v1/products/`: whatever is asked for is sold by the month.

use axum::{Json, extract::Path, response::IntoResponse};

use super::{not_found, shapes};
use crate::web::Answer;

/// Since when all products are sold.
const SINCE: &str = "2026-01-01T00:00:00.000Z";
/// In a product's id: there is none.
const UNKNOWN: &str = "unknown";

/// `GET /v1/products/{id}`.
pub(super) async fn read(Path(id): Path<String>) -> Answer {
    if id.contains(UNKNOWN) {
        return Err(not_found());
    }
    Ok(Json(shapes::product(&id, SINCE)).into_response())
}
