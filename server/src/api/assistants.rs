//! The endpoints that buy, activate, read, change, stop and delete assistants: the nine of the v1 reference.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use reef_domain::wire::{AssistantStatus, Status};
use reef_domain::{callback_url, input, query};
use reef_service::Services;
use reef_service::idempotency::Outcome;

use crate::http::overload::RequestPermit;

use super::answer::Answer;
use super::auth::ApiKeyAuth;
use super::body::{EmptyBody, JsonBody};
use super::paging;
use super::path::PathIds;
use super::query::Params;
use super::responses::{
    AssistantActionResponses, AssistantPath, AssistantReadResponses, AssistantWriteResponses, PageQuery,
    ScopedReadResponses, WriteResponses,
};
use super::schema::{
    ActivateRequest, AssistantListResponse, AssistantResponse, ErrorResponse, PurchaseRequest,
    PurchaseResponse, RedeployRequest, StatusResponse, SuccessResponse, UpdateRequest,
};
use crate::api_error::ApiError;

/// How many seconds a client that polls should wait while an assistant is deploying.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

/// Purchase assistant slot
///
/// Creates a slot and returns the URL of its checkout at Polar. Pay there before you activate the slot.
#[utoipa::path(
    post, path = "/api/v1/assistants/purchase", operation_id = "purchaseAssistant", tag = "Assistants",
    security(("apiKey" = ["write"])),
    request_body = PurchaseRequest,
    responses(
        WriteResponses,
        (status = 201, description = "Checkout session created.", body = PurchaseResponse),
        (status = 400, description = "`INVALID_REQUEST`: the body lacks a required key or contains an unknown one.", body = ErrorResponse),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key, or 10 unpaid orders within the last hour. Paid orders don't count; deleted ones do.", body = ErrorResponse),
        (status = 500, description = "`PAYMENT_NOT_CONFIGURED`: payments are not set up for this mode. `INTERNAL_ERROR`: something went wrong on our side, or the checkout could not be created. In the second case `details.reason` is `payment_provider_unavailable` or `checkout_refused`, `message` says what to do, and no slot was created.", body = ErrorResponse),
    )
)]
pub async fn purchase(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    body: JsonBody,
) -> Result<Answer, ApiError> {
    let purchased = services.purchase(&caller, body.parse(input::parse_purchase)).await?;
    Ok(Answer(Outcome::Purchased(purchased)))
}

/// Activate assistant
///
/// Configures a slot and starts its deployment: the status becomes `deploying`. The slot must be paid: its status is
/// `purchased`.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/activate", operation_id = "activateAssistant", tag = "Assistants",
    security(("apiKey" = ["write"])),
    params(AssistantPath),
    request_body = ActivateRequest,
    responses(
        AssistantWriteResponses,
        (status = 200, description = "Activation accepted; the deployment starts.", body = AssistantResponse),
        (status = 400, description = "`INVALID_REQUEST`: the body is malformed. `INVALID_INPUT`: the provider, model or key does not fit the mode, or another assistant uses the bot.", body = ErrorResponse),
        (status = 409, description = "`INVALID_STATE`: the slot is not `purchased`, or its subscription has ended or is paused.", body = ErrorResponse),
    )
)]
pub async fn activate(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    body: JsonBody,
) -> Result<Answer, ApiError> {
    let input = body.parse(|body| input::parse_activation(body, callback_url::validate));
    Ok(services.activate(&caller, &id, input).await?.into())
}

/// Get assistant status
///
/// Returns the status of an assistant without the rest of its record, for clients that poll until it is `active` or
/// `failed`.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/status", operation_id = "getAssistantStatus", tag = "Assistants",
    security(("apiKey" = ["read"])),
    params(
        AssistantPath,
        ("wait" = Option<u32>, Query, minimum = 0, maximum = 30, description = "Holds the response until the status changes, for at most this many seconds."),
    ),
    responses(
        AssistantReadResponses,
        (status = 200, description = "Current status returned.", body = StatusResponse, headers(("Retry-After" = u32, description = "Seconds to wait before the next request, while `deploying`."))),
        (status = 400, description = "`INVALID_REQUEST`: the parameter `wait` is not a number from 0 to 30.", body = ErrorResponse),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key, or, with `wait`, the account has 256 open event streams and waiting requests.", body = ErrorResponse),
    )
)]
pub async fn status(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    Params(params): Params,
    in_flight: Option<Extension<RequestPermit>>,
) -> Result<Response, ApiError> {
    let wait = query::parse_wait(&params);
    if let (Some(Extension(place)), Ok(wait)) = (in_flight, &wait)
        && !wait.is_zero()
    {
        place.release();
    }
    let record = services.wait_for_status_change(&caller, &id, wait).await?;
    let data = AssistantStatus::from(&*record);
    let is_deploying = data.status == Status::Deploying;
    let mut response = Json(StatusResponse { data }).into_response();
    if is_deploying {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    Ok(response)
}

/// List assistants
///
/// Returns the assistants that the API key may access, newest first. Deployments that are still unpaid an hour after
/// the order are excluded.
#[utoipa::path(
    get, path = "/api/v1/assistants", operation_id = "listAssistants", tag = "Assistants",
    security(("apiKey" = ["read"])),
    params(
        PageQuery,
    ),
    responses(
        ScopedReadResponses,
        (status = 200, description = "List of assistants returned.", body = AssistantListResponse, headers(("Link" = String, description = "URL of the next page, `rel=\"next\"`, if there is one."))),
        (status = 400, description = "`INVALID_REQUEST`: the parameter `limit` or `cursor` is not valid.", body = ErrorResponse),
    )
)]
pub async fn list(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    Params(params): Params,
) -> Result<Response, ApiError> {
    let page = query::parse_page(&params);
    let limit = paging::limit_of(&page);
    let (data, next) = services.list_assistants_page(&caller, page).await?;
    let response = Json(AssistantListResponse { data }).into_response();
    paging::with_next_link(response, &services, "/api/v1/assistants", limit, next)
}

/// Get assistant
///
/// Returns the record of an assistant, with all of its fields.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}", operation_id = "getAssistant", tag = "Assistants",
    security(("apiKey" = ["read"])),
    params(AssistantPath),
    responses(AssistantReadResponses, (status = 200, description = "Assistant details returned.", body = AssistantResponse))
)]
pub async fn get(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
) -> Result<Json<AssistantResponse>, ApiError> {
    Ok(Json(AssistantResponse { data: services.get_record(&caller, &id).await? }))
}

/// Update assistant config
///
/// Changes the configuration of an assistant and never starts a deployment. If one field is not valid, none is changed.
/// In managed mode, `modelProvider` must be `openrouter`, and `modelApiKey` is rejected.
#[utoipa::path(
    patch, path = "/api/v1/assistants/{deploymentId}", operation_id = "updateAssistant", tag = "Assistants",
    security(("apiKey" = ["write"])),
    params(AssistantPath),
    request_body = UpdateRequest,
    responses(
        AssistantWriteResponses,
        (status = 200, description = "Assistant updated.", body = AssistantResponse),
        (status = 400, description = "`INVALID_REQUEST`: the body is malformed, or contains no field to update. `INVALID_INPUT`: the provider, model or key does not fit the mode, or another assistant uses the bot.", body = ErrorResponse),
        (status = 409, description = "`INVALID_STATE`: the assistant can't be updated in its current status.", body = ErrorResponse),
    )
)]
pub async fn update(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    body: JsonBody,
) -> Result<Answer, ApiError> {
    Ok(services.update(&caller, &id, body.parse(input::parse_update)).await?.into())
}

/// Redeploy assistant
///
/// Starts a new deployment of an assistant that is `active`, `failed` or `stopped`.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/redeploy", operation_id = "redeployAssistant", tag = "Assistants",
    security(("apiKey" = ["write"])),
    params(AssistantPath),
    request_body = Option<RedeployRequest>,
    responses(
        AssistantWriteResponses,
        (status = 200, description = "Redeployment accepted; the status becomes `deploying`.", body = AssistantResponse),
        (status = 400, description = "`INVALID_REQUEST`: the body is malformed.", body = ErrorResponse),
        (status = 409, description = "`INVALID_STATE`: the assistant is not `active`, `failed` or `stopped`, or its subscription has ended or is paused.", body = ErrorResponse),
    )
)]
pub async fn redeploy(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    body: JsonBody,
) -> Result<Answer, ApiError> {
    let input = body.parse(|body| input::parse_redeploy(body, callback_url::validate));
    Ok(services.redeploy(&caller, &id, input).await?.into())
}

/// Stop assistant
///
/// Stops an assistant and deletes its worker. Billing continues. If a paused subscription has already stopped the
/// assistant, it does not restart automatically when the subscription resumes.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/stop", operation_id = "stopAssistant", tag = "Assistants",
    security(("apiKey" = ["write"])),
    params(AssistantPath),
    responses(
        AssistantActionResponses,
        (status = 200, description = "Assistant stopped.", body = AssistantResponse),
        (status = 409, description = "`INVALID_STATE`: the slot has not been activated.", body = ErrorResponse),
        (status = 502, description = "`WORKER_DELETE_FAILED`: the removal of the worker was not confirmed; the assistant is unchanged.", body = ErrorResponse),
    )
)]
pub async fn stop(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    EmptyBody(body): EmptyBody,
) -> Result<Answer, ApiError> {
    Ok(services.stop(&caller, &id, body).await?.into())
}

/// Delete assistant
///
/// Deletes an assistant permanently. Its worker and secrets are deleted immediately; its subscription ends as soon as
/// Polar confirms.
#[utoipa::path(
    delete, path = "/api/v1/assistants/{deploymentId}", operation_id = "deleteAssistant", tag = "Assistants",
    security(("apiKey" = ["write"])),
    params(AssistantPath),
    responses(
        AssistantActionResponses,
        (status = 200, description = "Assistant deleted.", body = SuccessResponse),
        (status = 502, description = "`WORKER_DELETE_FAILED`: the removal of the worker was not confirmed; nothing was deleted.", body = ErrorResponse),
    )
)]
pub async fn delete(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    EmptyBody(body): EmptyBody,
) -> Result<Answer, ApiError> {
    services.delete(&caller, &id, body).await?;
    Ok(Answer(Outcome::Deleted))
}
