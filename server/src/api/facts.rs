//! What an assistant was asked to remember.

use axum::Json;
use axum::extract::State;
use reef_service::Services;
use reef_service::idempotency::Outcome;

use super::answer::Answer;
use super::auth::ApiKeyAuth;
use super::body::EmptyBody;
use super::path::PathIds;
use super::responses::{AssistantPath, AssistantReadResponses, PersonActionResponses};
use super::schema::SuccessResponse;
use super::settings_schema::FactListResponse;
use crate::api_error::ApiError;

/// List facts
///
/// Returns what conversations asked an assistant to remember, newest first. A fact of one conversation is never part of another
/// one.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/facts", operation_id = "listFacts", tag = "People",
    security(("apiKey" = ["read"])),
    params(AssistantPath),
    responses(AssistantReadResponses, (status = 200, description = "The facts.", body = FactListResponse))
)]
pub async fn list(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
) -> Result<Json<FactListResponse>, ApiError> {
    Ok(Json(FactListResponse { data: services.list_facts(&caller, &id).await? }))
}

/// Delete a fact
///
/// Deletes a fact, so that the assistant no longer knows it in any conversation.
#[utoipa::path(
    delete, path = "/api/v1/assistants/{deploymentId}/facts/{factId}", operation_id = "deleteFact", tag = "People",
    security(("apiKey" = ["write"])),
    params(AssistantPath, ("factId" = String, Path, format = Uuid, description = "ID of the fact, from the list of facts.")),
    responses(PersonActionResponses, (status = 200, description = "The fact was deleted.", body = SuccessResponse))
)]
pub async fn delete(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds((id, fact)): PathIds<(String, String)>,
    EmptyBody(body): EmptyBody,
) -> Result<Answer, ApiError> {
    services.delete_fact(&caller, &id, &fact, body).await?;
    Ok(Answer(Outcome::Deleted))
}
