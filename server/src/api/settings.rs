//! The settings of an assistant and their revisions.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use reef_domain::{query, settings_input};
use reef_service::Services;

use super::answer::Answer;
use super::auth::ApiKeyAuth;
use super::body::{EmptyBody, JsonBody};
use super::paging;
use super::path::PathIds;
use super::query::Params;
use super::responses::{
    AssistantPath, AssistantReadResponses, AssistantWriteResponses, PageQuery, RevisionActionResponses,
};
use super::schema::ErrorResponse;
use super::settings_schema::{RevisionInfo, RevisionListResponse, SettingsResponse, UpdateSettingsRequest};
use crate::api_error::ApiError;

/// Get settings
///
/// Returns how an assistant behaves and who may talk to it.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/settings", operation_id = "getSettings", tag = "Settings",
    security(("apiKey" = ["read"])),
    params(AssistantPath),
    responses(AssistantReadResponses, (status = 200, description = "The settings.", body = SettingsResponse))
)]
pub async fn get(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
) -> Result<Json<SettingsResponse>, ApiError> {
    Ok(Json(SettingsResponse { data: services.get_settings(&caller, &id).await? }))
}

/// Update settings
///
/// Changes settings in any status. The assistant follows them from its next answer on, without a deployment. If one field is
/// not valid, none is changed. Each change makes a revision.
#[utoipa::path(
    patch, path = "/api/v1/assistants/{deploymentId}/settings", operation_id = "updateSettings", tag = "Settings",
    security(("apiKey" = ["write"])),
    params(AssistantPath),
    request_body = UpdateSettingsRequest,
    responses(
        AssistantWriteResponses,
        (status = 200, description = "The settings after the change.", body = SettingsResponse),
        (status = 400, description = "`INVALID_REQUEST`: the body is malformed, contains no field to update, or has a value that is not valid.", body = ErrorResponse),
    )
)]
pub async fn update(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    body: JsonBody,
) -> Result<Answer, ApiError> {
    Ok(services.update_settings(&caller, &id, body.parse(settings_input::parse)).await?.into())
}

/// List settings revisions
///
/// Returns the revisions of an assistant's settings with their authors and changes, newest first.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/settings/revisions", operation_id = "listSettingsRevisions", tag = "Settings",
    security(("apiKey" = ["read"])),
    params(
        AssistantPath,
        PageQuery,
    ),
    responses(
        AssistantReadResponses,
        (status = 200, description = "The revisions.", body = RevisionListResponse, headers(("Link" = String, description = "URL of the next page, `rel=\"next\"`, if there is one."))),
        (status = 400, description = "`INVALID_REQUEST`: the parameter `limit` or `cursor` is not valid.", body = ErrorResponse),
    )
)]
pub async fn list_revisions(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    Params(params): Params,
) -> Result<Response, ApiError> {
    let page = query::parse_number_page(&params);
    let limit = paging::limit_of(&page);
    let (revisions, next) = services.list_settings_revisions(&caller, &id, page).await?;
    let data = revisions.into_iter().map(RevisionInfo::from).collect();
    let response = Json(RevisionListResponse { data }).into_response();
    paging::with_next_link(
        response,
        &services,
        &format!("/api/v1/assistants/{id}/settings/revisions"),
        limit,
        next,
    )
}

/// Restore settings
///
/// Makes the settings of a revision the current ones, as a new revision. Secret headers are not part of revisions: an MCP server
/// keeps the headers that the server with its name has now.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/settings/revisions/{revision}/restore", operation_id = "restoreSettings", tag = "Settings",
    security(("apiKey" = ["write"])),
    params(AssistantPath, ("revision" = i64, Path, minimum = 1, description = "Number of the revision, from the list of revisions.")),
    responses(
        RevisionActionResponses,
        (status = 200, description = "The restored settings.", body = SettingsResponse),
    )
)]
pub async fn restore(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds((id, revision)): PathIds<(String, String)>,
    EmptyBody(body): EmptyBody,
) -> Result<Answer, ApiError> {
    Ok(services.restore_settings(&caller, &id, &revision, body).await?.into())
}
