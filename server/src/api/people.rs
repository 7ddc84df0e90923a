//! The people who have written to an assistant, and the link that makes one of them its owner.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use reef_domain::query;
use reef_service::Services;
use reef_service::idempotency::Outcome;

use super::answer::Answer;
use super::auth::ApiKeyAuth;
use super::body::EmptyBody;
use super::paging;
use super::path::PathIds;
use super::query::Params;
use super::responses::{
    AssistantActionResponses, AssistantPath, AssistantReadResponses, PageQuery, PersonActionResponses,
};
use super::schema::{ErrorResponse, SuccessResponse};
use super::settings_schema::{OwnerLinkResponse, PersonListResponse, PersonResponse};
use crate::api_error::ApiError;

/// List people
///
/// Returns the people who have written to an assistant, newest first.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/people", operation_id = "listPeople", tag = "People",
    security(("apiKey" = ["read"])),
    params(
        AssistantPath,
        PageQuery,
    ),
    responses(
        AssistantReadResponses,
        (status = 200, description = "The people.", body = PersonListResponse, headers(("Link" = String, description = "URL of the next page, `rel=\"next\"`, if there is one."))),
        (status = 400, description = "`INVALID_REQUEST`: the parameter `limit` or `cursor` is not valid.", body = ErrorResponse),
    )
)]
pub async fn list(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    Params(params): Params,
) -> Result<Response, ApiError> {
    let page = query::parse_page(&params);
    let limit = paging::limit_of(&page);
    let (data, next) = services.list_people(&caller, &id, page).await?;
    let response = Json(PersonListResponse { data }).into_response();
    paging::with_next_link(response, &services, &format!("/api/v1/assistants/{id}/people"), limit, next)
}

/// Approve a person
///
/// Lets a person talk to the assistant. An owner stays the owner.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/people/{personId}/approve", operation_id = "approvePerson", tag = "People",
    security(("apiKey" = ["write"])),
    params(AssistantPath, ("personId" = String, Path, format = Uuid, description = "ID of the person, from the list of people.")),
    responses(PersonActionResponses, (status = 200, description = "The person.", body = PersonResponse))
)]
pub async fn approve(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds((id, person)): PathIds<(String, String)>,
    EmptyBody(body): EmptyBody,
) -> Result<Answer, ApiError> {
    Ok(services.approve_person(&caller, &id, &person, body).await?.into())
}

/// Block a person
///
/// Stops a person from talking to the assistant.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/people/{personId}/block", operation_id = "blockPerson", tag = "People",
    security(("apiKey" = ["write"])),
    params(AssistantPath, ("personId" = String, Path, format = Uuid, description = "ID of the person, from the list of people.")),
    responses(
        PersonActionResponses,
        (status = 200, description = "The person.", body = PersonResponse),
        (status = 409, description = "`INVALID_STATE`: the owner can't be blocked.", body = ErrorResponse),
    )
)]
pub async fn block(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds((id, person)): PathIds<(String, String)>,
    EmptyBody(body): EmptyBody,
) -> Result<Answer, ApiError> {
    Ok(services.block_person(&caller, &id, &person, body).await?.into())
}

/// Erase a person
///
/// Erases what is known of a person, including their private conversation with the assistant.
#[utoipa::path(
    delete, path = "/api/v1/assistants/{deploymentId}/people/{personId}", operation_id = "deletePerson", tag = "People",
    security(("apiKey" = ["write"])),
    params(AssistantPath, ("personId" = String, Path, format = Uuid, description = "ID of the person, from the list of people.")),
    responses(PersonActionResponses, (status = 200, description = "The person was erased.", body = SuccessResponse))
)]
pub async fn delete(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds((id, person)): PathIds<(String, String)>,
    EmptyBody(body): EmptyBody,
) -> Result<Answer, ApiError> {
    services.delete_person(&caller, &id, &person, body).await?;
    Ok(Answer(Outcome::Deleted))
}

/// Create an owner link
///
/// Returns a link that makes the person who opens it first the owner of the assistant in Telegram; the former owner becomes
/// `approved`. It works once and for 24 hours, and an earlier link stops working.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/owner-link", operation_id = "createOwnerLink", tag = "People",
    security(("apiKey" = ["write"])),
    params(AssistantPath),
    responses(
        AssistantActionResponses,
        (status = 200, description = "The link.", body = OwnerLinkResponse),
        (status = 409, description = "`INVALID_STATE`: the assistant has no bot yet.", body = ErrorResponse),
    )
)]
pub async fn create_owner_link(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    EmptyBody(body): EmptyBody,
) -> Result<Answer, ApiError> {
    Ok(services.create_owner_link(&caller, &id, body).await?.into())
}
