//! The timeline of an assistant, as JSON or as an event stream, and the delivery log of its callbacks.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::Stream;
use reef_domain::ids::AssistantId;
use reef_domain::wire::{DeliveryState, Status};
use reef_domain::{ErrorChain, Timestamp};
use reef_service::callbacks::event_type_of;
use reef_service::events::{Change, wait_for_change};
use reef_service::events::{TIMELINE_MAX, TimelineEntry};
use reef_service::throttling::Permit;
use reef_service::{Caller, Error, Services};
use reef_store::{DeliveryRow, EventKind};
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use utoipa::ToSchema;

use super::ApiError;
use super::auth::ApiKeyAuth;
use super::body::EmptyBody;
use super::path::PathIds;
use super::schema::ErrorResponse;
use crate::metrics::OpenStreamGuard;

/// The kind of the last entry of every timeline.
const LAST_EVENT: &str = EventKind::Deleted.as_str();
/// How often an idle stream sends a comment, so that proxies keep it open.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// How often a stream reads the database although nothing was published: a key expires without a change.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// An entry of the timeline.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AssistantEvent)]
pub struct EventInfo {
    /// The ID of the entry.
    #[schema(format = Uuid)]
    pub id: String,
    /// `assistant.status_changed` or `assistant.deleted`; or, without a callback, `assistant.payment_flagged` or
    /// `assistant.credit_used_up` (managed mode).
    #[serde(rename = "type")]
    pub kind: String,
    /// Increases by one with each entry of an assistant.
    pub sequence: i64,
    /// The status after the event.
    pub status: Status,
    /// The status before the event.
    #[schema(required)]
    pub previous_status: Option<Status>,
    /// The status message of the event.
    #[schema(required)]
    pub status_message: Option<String>,
    /// The URL of the worker at the time of the event.
    #[schema(required)]
    pub worker_url: Option<String>,
    /// When the event occurred.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<TimelineEntry> for EventInfo {
    fn from(entry: TimelineEntry) -> Self {
        Self {
            id: entry.id,
            kind: entry.event_type.to_owned(),
            sequence: entry.sequence,
            status: entry.status,
            previous_status: entry.previous_status,
            status_message: entry.status_message,
            worker_url: entry.worker_url,
            created_at: entry.created_at,
        }
    }
}

/// The timeline of an assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventListResponse {
    /// The latest 100 entries, newest first.
    pub data: Vec<EventInfo>,
}

/// List events
///
/// Returns the timeline of an assistant, newest first. With `Accept: text/event-stream` it returns a live stream, oldest
/// first; `Last-Event-ID` (a sequence number) resumes it.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/events", operation_id = "listAssistantEvents", tag = "Assistants",
    security(("apiKey" = ["read"])),
    params(
        ("deploymentId" = String, Path, format = Uuid, description = "Deployment ID of the assistant, from the response to a purchase or from the list of assistants."),
        ("Last-Event-ID" = Option<String>, Header, description = "For streams: only entries after this sequence number. An invalid value is ignored."),
    ),
    responses(
        (status = 200, description = "The timeline.", content((EventListResponse = "application/json"), (String = "text/event-stream"))),
        (status = 304, description = "Not modified: the response still matches `If-None-Match`."),
        (status = 401, description = "`UNAUTHORIZED`: the header `X-API-Key` is missing, or its key is not valid.", body = ErrorResponse),
        (status = 403, description = "`FORBIDDEN`: the key lacks the scope `read`.", body = ErrorResponse),
        (status = 404, description = "`NOT_FOUND`: the deployment does not exist, belongs to another account, or is outside the key's access. `API_DISABLED`: the operator has turned the API off.", body = ErrorResponse),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key, or the account has 256 open event streams and waiting requests.", body = ErrorResponse),
        (status = 500, description = "`INTERNAL_ERROR`: something went wrong on our side.", body = ErrorResponse),
    )
)]
pub async fn events(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !wants_stream(&headers) {
        let data = services.list_events(&caller, &id).await?.into_iter().map(EventInfo::from).collect();
        return Ok(Json(EventListResponse { data }).into_response());
    }
    // The subscription starts before the first read, so that no change is missed in between.
    let changes = services.event_bus().subscribe();
    let last_sequence =
        headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let entries = services.list_events_after(&caller, &id, last_sequence).await?;
    let permit = services.stream_limit().reserve(caller.user_id)?;
    let mut event_stream = EventStream {
        assistant: AssistantId::parse(&id),
        services,
        caller,
        id,
        changes,
        last_sequence,
        pending: VecDeque::new(),
        has_more: false,
        is_over: false,
        _permit: permit,
        _counted: OpenStreamGuard::new(),
    };
    event_stream.buffer(entries);
    let stream = Sse::new(event_stream.stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL));
    // A stream has no `ETag`, so it cannot be revalidated.
    let uncached = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept, x-api-key")),
    ];
    Ok((uncached, stream).into_response())
}

/// Whether `Accept` names the media type of an event stream, in any letter case, and does not exclude it by `q=0`.
fn wants_stream(headers: &HeaderMap) -> bool {
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

/// Streams the entries of one timeline to one client.
struct EventStream {
    services: Services,
    caller: Caller,
    id: String,
    assistant: Option<AssistantId>,
    changes: Receiver<Change>,
    last_sequence: i64,
    pending: VecDeque<TimelineEntry>,
    /// Whether the last read may have stopped before the end of the timeline.
    has_more: bool,
    is_over: bool,
    _permit: Permit,
    _counted: OpenStreamGuard,
}

impl EventStream {
    fn buffer(&mut self, entries: Vec<TimelineEntry>) {
        self.has_more = i64::try_from(entries.len()).is_ok_and(|found| found >= TIMELINE_MAX);
        self.pending.extend(entries);
    }

    fn stream(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        futures::stream::unfold(self, |mut viewer| async move {
            let event = viewer.next().await?;
            Some((Ok(event), viewer))
        })
    }

    /// Reads the entries after the last one sent, if the key is still valid.
    async fn read_more(&self) -> Result<Vec<TimelineEntry>, Error> {
        if !self.services.is_still_live(&self.caller).await? {
            return Err(Error::Unauthorized);
        }
        self.services.list_events_until_deleted(&self.caller, &self.id, self.last_sequence).await
    }

    /// Returns the next entry, or `None` after the assistant was deleted, the key was revoked, the process began to stop or
    /// a read failed.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(entry) = self.pending.pop_front() {
                self.last_sequence = entry.sequence;
                self.is_over = entry.event_type == LAST_EVENT;
                let event = sse::Event::default().id(entry.sequence.to_string()).event(entry.event_type);
                return event.json_data(EventInfo::from(entry)).ok();
            }
            if self.is_over {
                return None;
            }
            let closing = self.services.event_bus().closing().clone();
            tokio::select! {
                () = closing.cancelled() => return None,
                () = std::future::ready(()), if self.has_more => {}
                () = wait_for_change(&mut self.changes, self.caller.user_id, self.assistant) => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            match self.read_more().await {
                Ok(entries) => self.buffer(entries),
                Err(Error::NotFound | Error::Unauthorized) => return None,
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), "event stream failed");
                    return None;
                }
            }
        }
    }
}

/// A callback with all its attempts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallbackDelivery)]
pub struct DeliveryInfo {
    /// The `webhook-id` of all its attempts.
    #[schema(format = Uuid)]
    pub id: String,
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The sequence number of the event.
    pub sequence: i64,
    /// The callback URL at the time of the event.
    pub url: String,
    /// The state of the delivery.
    pub state: DeliveryState,
    /// How many attempts were made.
    pub attempts: i64,
    /// The HTTP status of the last response.
    #[schema(required)]
    pub last_status: Option<i64>,
    /// The error of the last attempt.
    #[schema(required)]
    pub last_error: Option<String>,
    /// When the event occurred.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the callback was delivered or given up.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

impl From<DeliveryRow> for DeliveryInfo {
    fn from(row: DeliveryRow) -> Self {
        Self {
            kind: event_type_of(&row),
            id: row.id.to_string(),
            sequence: row.sequence,
            url: row.url,
            state: delivery_state(row.state),
            attempts: row.attempts,
            last_status: row.last_status,
            last_error: row.last_error,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

const fn delivery_state(stored: reef_store::DeliveryState) -> DeliveryState {
    match stored {
        reef_store::DeliveryState::Pending => DeliveryState::Pending,
        reef_store::DeliveryState::Delivered => DeliveryState::Delivered,
        reef_store::DeliveryState::Failed => DeliveryState::Failed,
    }
}

/// The delivery log of an assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryListResponse {
    /// The latest 100 callbacks, newest first.
    pub data: Vec<DeliveryInfo>,
}

/// A callback of an assistant.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryResponse {
    /// The callback with its attempts.
    pub data: DeliveryInfo,
}

/// List callbacks
///
/// Returns the delivery log of an assistant's callbacks, newest first.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/callbacks", operation_id = "listCallbacks", tag = "Callbacks",
    security(("apiKey" = ["read"])),
    params(("deploymentId" = String, Path, format = Uuid, description = "Deployment ID of the assistant, from the response to a purchase or from the list of assistants.")),
    responses(
        (status = 200, description = "The delivery log.", body = DeliveryListResponse),
        (status = 304, description = "Not modified: the response still matches `If-None-Match`."),
        (status = 401, description = "`UNAUTHORIZED`: the header `X-API-Key` is missing, or its key is not valid.", body = ErrorResponse),
        (status = 403, description = "`FORBIDDEN`: the key lacks the scope `read`.", body = ErrorResponse),
        (status = 404, description = "`NOT_FOUND`: the deployment does not exist, belongs to another account, or is outside the key's access. `API_DISABLED`: the operator has turned the API off.", body = ErrorResponse),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key.", body = ErrorResponse),
        (status = 500, description = "`INTERNAL_ERROR`: something went wrong on our side.", body = ErrorResponse),
    )
)]
pub async fn callbacks(
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
        ("deploymentId" = String, Path, format = Uuid, description = "Deployment ID of the assistant, from the response to a purchase or from the list of assistants."),
        ("deliveryId" = String, Path, format = Uuid, description = "Callback ID from the delivery log."),
    ),
    responses(
        (status = 200, description = "The callback, which Reef sends immediately.", body = DeliveryResponse),
        (status = 400, description = "`INVALID_REQUEST`: the request has a body that is neither empty nor `{}`.", body = ErrorResponse),
        (status = 401, description = "`UNAUTHORIZED`: the header `X-API-Key` is missing, or its key is not valid.", body = ErrorResponse),
        (status = 403, description = "`FORBIDDEN`: the key lacks the scope `write`.", body = ErrorResponse),
        (status = 404, description = "`NOT_FOUND`: the deployment or its callback does not exist, belongs to another account, or is outside the key's access. `API_DISABLED`: the operator has turned the API off.", body = ErrorResponse),
        (status = 413, description = "`INVALID_REQUEST`: the body is larger than 64 KiB.", body = ErrorResponse),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key, or more than 30 redeliveries and test callbacks of the account within a minute.", body = ErrorResponse),
        (status = 500, description = "`INTERNAL_ERROR`: something went wrong on our side.", body = ErrorResponse),
    )
)]
pub async fn redeliver(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds((id, delivery)): PathIds<(String, String)>,
    EmptyBody(body): EmptyBody,
) -> Result<Json<DeliveryResponse>, ApiError> {
    let row = services.redeliver(&caller, &id, &delivery, body).await?;
    Ok(Json(DeliveryResponse { data: row.into() }))
}

/// Send a test callback
///
/// Sends a callback of type `assistant.test` with the current status to the assistant's callback URL.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/callbacks/test", operation_id = "testCallback", tag = "Callbacks",
    security(("apiKey" = ["write"])),
    params(("deploymentId" = String, Path, format = Uuid, description = "Deployment ID of the assistant, from the response to a purchase or from the list of assistants.")),
    responses(
        (status = 200, description = "The callback, which Reef sends immediately.", body = DeliveryResponse),
        (status = 400, description = "`INVALID_REQUEST`: the request has a body that is neither empty nor `{}`.", body = ErrorResponse),
        (status = 401, description = "`UNAUTHORIZED`: the header `X-API-Key` is missing, or its key is not valid.", body = ErrorResponse),
        (status = 403, description = "`FORBIDDEN`: the key lacks the scope `write`.", body = ErrorResponse),
        (status = 404, description = "`NOT_FOUND`: the deployment does not exist, belongs to another account, or is outside the key's access. `API_DISABLED`: the operator has turned the API off.", body = ErrorResponse),
        (status = 409, description = "`INVALID_STATE`: the assistant has no callback URL.", body = ErrorResponse),
        (status = 413, description = "`INVALID_REQUEST`: the body is larger than 64 KiB.", body = ErrorResponse),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key, or more than 30 redeliveries and test callbacks of the account within a minute.", body = ErrorResponse),
        (status = 500, description = "`INTERNAL_ERROR`: something went wrong on our side.", body = ErrorResponse),
    )
)]
pub async fn test_callback(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    EmptyBody(body): EmptyBody,
) -> Result<Json<DeliveryResponse>, ApiError> {
    let row = services.send_test_callback(&caller, &id, body).await?;
    Ok(Json(DeliveryResponse { data: row.into() }))
}
