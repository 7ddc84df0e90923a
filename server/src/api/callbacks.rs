//! The delivery log of an assistant's callbacks, redelivery and test callbacks.

use axum::Json;
use axum::extract::State;
use reef_service::Services;

use super::answer::Answer;
use super::auth::ApiKeyAuth;
use super::body::EmptyBody;
use super::path::PathIds;
use super::responses::{AssistantPath, AssistantReadResponses, RedeliverResponses, ResendResponses};
use super::schema::{DeliveryInfo, DeliveryListResponse, DeliveryResponse, ErrorResponse};
use crate::api_error::ApiError;

/// List callbacks
///
/// Returns the delivery log of an assistant's callbacks, newest first.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/callbacks", operation_id = "listCallbacks", tag = "Callbacks",
    security(("apiKey" = ["read"])),
    params(AssistantPath),
    responses(AssistantReadResponses, (status = 200, description = "The delivery log.", body = DeliveryListResponse))
)]
pub async fn list(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
) -> Result<Json<DeliveryListResponse>, ApiError> {
    let data = services.list_deliveries(&caller, &id).await?.into_iter().map(DeliveryInfo::from).collect();
    Ok(Json(DeliveryListResponse { data }))
}

/// Redeliver a callback
///
/// Sends a callback again immediately, with the same `webhook-id` and body, and restarts its retry schedule.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/callbacks/{deliveryId}/redeliver", operation_id = "redeliverCallback", tag = "Callbacks",
    security(("apiKey" = ["write"])),
    params(
        AssistantPath,
        ("deliveryId" = String, Path, format = Uuid, description = "Callback ID from the delivery log."),
    ),
    responses(RedeliverResponses, (status = 200, description = "The callback, which Reef sends immediately.", body = DeliveryResponse))
)]
pub async fn redeliver(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds((id, delivery)): PathIds<(String, String)>,
    EmptyBody(body): EmptyBody,
) -> Result<Answer, ApiError> {
    Ok(services.redeliver(&caller, &id, &delivery, body).await?.into())
}

/// Send a test callback
///
/// Sends a callback of type `assistant.test` with the current status to the assistant's callback URL.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/callbacks/test", operation_id = "testCallback", tag = "Callbacks",
    security(("apiKey" = ["write"])),
    params(AssistantPath),
    responses(
        ResendResponses,
        (status = 200, description = "The callback, which Reef sends immediately.", body = DeliveryResponse),
        (status = 409, description = "`INVALID_STATE`: the assistant has no callback URL.", body = ErrorResponse),
    )
)]
pub async fn test(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    EmptyBody(body): EmptyBody,
) -> Result<Answer, ApiError> {
    Ok(services.send_test_callback(&caller, &id, body).await?.into())
}
