//! What an assistant has used.

use axum::Json;
use axum::extract::State;
use reef_domain::usage::{Usage, parse_usage_query};
use reef_service::Services;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::ApiKeyAuth;
use super::path::PathIds;
use super::query::Params;
use super::responses::{AssistantPath, AssistantReadResponses, UsageParams};
use super::schema::ErrorResponse;
use crate::api_error::ApiError;

/// What an assistant has used.
#[derive(Serialize, ToSchema)]
pub struct UsageResponse {
    /// The report.
    pub data: Usage,
}

/// Get usage
///
/// Returns what an assistant's calls of its model have used and cost, by day, model or person, and how much it may spend. Days are
/// those of the time zone in the settings. The cost of a call is what the provider says, or else the list price, rounded half up
/// to a millionth of a dollar. Calls are kept for 400 days. A report whose last day is before its first one is empty.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/usage", operation_id = "getUsage", tag = "Usage",
    security(("apiKey" = ["read"])),
    params(AssistantPath, UsageParams),
    responses(
        AssistantReadResponses,
        (status = 200, description = "The report.", body = UsageResponse),
        (status = 400, description = "`INVALID_REQUEST`: a date or the grouping is not valid.", body = ErrorResponse),
    )
)]
pub async fn get(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    Params(params): Params,
) -> Result<Json<UsageResponse>, ApiError> {
    let data = services.get_usage(&caller, &id, parse_usage_query(&params)).await?;
    Ok(Json(UsageResponse { data }))
}
