//! The timeline of an assistant, as JSON or as an event stream.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use reef_app::event_stream::last_event_id;
use reef_service::Services;

use super::auth::ApiKeyAuth;
use super::event_stream;
use super::path::PathIds;
use super::responses::{AssistantPath, AssistantReadResponses};
use super::schema::{ErrorResponse, EventInfo, EventListResponse};
use crate::api_error::ApiError;

/// List events
///
/// Returns the timeline of an assistant, newest first. With `Accept: text/event-stream` it returns a live stream, oldest
/// first; `Last-Event-ID` (a sequence number) resumes it.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/events", operation_id = "listAssistantEvents", tag = "Assistants",
    security(("apiKey" = ["read"])),
    params(
        AssistantPath,
        ("Last-Event-ID" = Option<String>, Header, description = "For streams: only entries after this sequence number. An invalid value is ignored."),
    ),
    responses(
        AssistantReadResponses,
        (status = 200, description = "The timeline.", content((EventListResponse = "application/json"), (String = "text/event-stream"))),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key, or the account has 256 open event streams and waiting requests.", body = ErrorResponse),
    )
)]
pub async fn list(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !wants_stream(&headers) {
        let data = services.list_events(&caller, &id).await?.into_iter().map(EventInfo::from).collect();
        return Ok(Json(EventListResponse { data }).into_response());
    }
    let last_sequence = last_event_id(&headers).and_then(|id| id.parse().ok()).unwrap_or(0);
    Ok(event_stream::respond(services, caller, id, last_sequence).await?)
}

/// Whether `Accept` names the media type of an event stream, in any letter case, and does not exclude it by `q=0`.
pub(super) fn wants_stream(headers: &HeaderMap) -> bool {
    let excludes = |parameter: &str| {
        let quality = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        quality.and_then(|(_, value)| value.trim().parse().ok()).is_some_and(|quality: f32| quality <= 0.0)
    };
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|kind| {
        let mut parts = kind.split(';');
        let name = parts.next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("text/event-stream") && !parts.any(excludes)
    })
}
