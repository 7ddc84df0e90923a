//! How an assistant is.

use axum::Json;
use axum::extract::State;
use reef_domain::health::HealthRecord;
use reef_service::Services;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::ApiKeyAuth;
use super::path::PathIds;
use super::responses::{AssistantPath, AssistantReadResponses};
use crate::api_error::ApiError;

/// How an assistant is.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthResponse {
    /// The verdict, and what it is based on.
    pub data: HealthRecord,
}

/// Get the health of an assistant
///
/// Returns whether people get replies: whether the assistant runs, whether messages arrive from Telegram, and whether the model
/// replies. Each part has the cause of a problem and a way out. Nothing is checked by this request. Unless the status is
/// `active`, nothing is known.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/health", operation_id = "getHealth", tag = "Assistants",
    security(("apiKey" = ["read"])),
    params(AssistantPath),
    responses(AssistantReadResponses, (status = 200, description = "The health.", body = HealthResponse))
)]
pub async fn get(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
) -> Result<Json<HealthResponse>, ApiError> {
    Ok(Json(HealthResponse { data: services.get_health(&caller, &id).await? }))
}
