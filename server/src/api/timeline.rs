//! The timeline of an assistant, as JSON or as a stream, and its callbacks.

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
use reef_domain::{Chain, Timestamp};
use reef_service::assistants::{SHOWN_MAX, TimelineEntry, callback_type};
use reef_service::hub::{News, change_of};
use reef_service::seats::Seat;
use reef_service::{Caller, Error, Services};
use reef_store::{DeliveryRow, EventKind};
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use utoipa::ToSchema;

use super::ApiError;
use super::auth::KeyHolder;
use super::body::NoBody;
use super::path::Ids;
use super::schema::ErrorResponse;
use crate::metrics::OpenStream;

/// The last entry of every timeline.
const DELETED: &str = EventKind::Deleted.as_str();
/// How often a silent stream says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a stream looks without news: a key expires by the clock alone.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// One entry of the timeline.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AssistantEvent)]
pub struct EventInfo {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// `assistant.status_changed`, `assistant.deleted`, or one without a callback: `assistant.payment_flagged` or
    /// `assistant.credit_used_up` (managed mode).
    #[serde(rename = "type")]
    pub kind: String,
    /// Grows by one per entry of an assistant.
    pub sequence: i64,
    /// The status after it.
    pub status: Status,
    /// The status before it.
    #[schema(required)]
    pub previous_status: Option<Status>,
    /// What there was to say.
    #[schema(required)]
    pub status_message: Option<String>,
    /// Where the worker was.
    #[schema(required)]
    pub worker_url: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<TimelineEntry> for EventInfo {
    fn from(entry: TimelineEntry) -> Self {
        Self {
            id: entry.id,
            kind: entry.kind.to_owned(),
            sequence: entry.sequence,
            status: entry.status,
            previous_status: entry.previous_status,
            status_message: entry.status_message,
            worker_url: entry.worker_url,
            created_at: entry.created_at,
        }
    }
}

/// The timeline.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventListResponse {
    /// The newest hundred entries, newest first.
    pub data: Vec<EventInfo>,
}

/// List events
///
/// The timeline of an assistant, newest first. With `Accept: text/event-stream` it is a stream, oldest first, that goes
/// on as things happen; `Last-Event-ID` (a sequence) resumes it.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/events", operation_id = "listAssistantEvents", tag = "Assistants",
    security(("apiKey" = ["read"])),
    params(
        ("deploymentId" = String, Path, format = Uuid, description = "Assistant deployment ID returned from purchase or list endpoints."),
        ("Last-Event-ID" = Option<String>, Header, description = "With a stream: only entries after this sequence. What is no sequence counts as none."),
    ),
    responses(
        (status = 200, description = "The timeline.", content((EventListResponse = "application/json"), (String = "text/event-stream"))),
        (status = 304, description = "What `If-None-Match` names is still so."),
        (status = 401, description = "`UNAUTHORIZED`: X-API-Key header is missing or invalid.", body = ErrorResponse),
        (status = 403, description = "`FORBIDDEN`: the key lacks the read scope.", body = ErrorResponse),
        (status = 404, description = "`NOT_FOUND`: the deployment does not exist or does not belong to the API key owner. `API_DISABLED`: ASSISTANTS_API_V1_ENABLED is false.", body = ErrorResponse),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key, or 256 event streams and waiting calls of the account are open.", body = ErrorResponse),
        (status = 500, description = "`INTERNAL_ERROR`: unhandled internal exception.", body = ErrorResponse),
    )
)]
pub async fn events(
    State(services): State<Services>,
    KeyHolder(caller): KeyHolder,
    Ids(id): Ids<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !wants_stream(&headers) {
        let data = services.timeline(&caller, &id).await?.into_iter().map(EventInfo::from).collect();
        return Ok(Json(EventListResponse { data }).into_response());
    }
    // Listening begins before the first look, so that nothing falls between.
    let news = services.hub().listen();
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let entries = services.timeline_after(&caller, &id, last).await?;
    let seat = services.seats().take(caller.user_id)?;
    let mut viewer = Viewer {
        assistant: AssistantId::parse(&id),
        services,
        caller,
        id,
        news,
        last,
        waiting: VecDeque::new(),
        has_more: false,
        is_over: false,
        _seat: seat,
        _open: OpenStream::new(),
    };
    viewer.take(entries);
    let stream = Sse::new(viewer.stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // A stream has no tag to be asked for again by.
    let uncached = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept, x-api-key")),
    ];
    Ok((uncached, stream).into_response())
}

/// Whether one of the media types in `Accept` is that of a stream, in any case and not refused by `q=0`.
fn wants_stream(headers: &HeaderMap) -> bool {
    let refuses = |parameter: &str| {
        let quality = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        quality.and_then(|(_, value)| value.trim().parse().ok()).is_some_and(|quality: f32| quality <= 0.0)
    };
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|kind| {
        let mut parts = kind.split(';');
        let name = parts.next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("text/event-stream") && !parts.any(refuses)
    })
}

/// Follows a timeline.
struct Viewer {
    services: Services,
    caller: Caller,
    id: String,
    assistant: Option<AssistantId>,
    news: Receiver<News>,
    last: i64,
    waiting: VecDeque<TimelineEntry>,
    /// Whether the last look may not have seen all of it.
    has_more: bool,
    is_over: bool,
    _seat: Seat,
    _open: OpenStream,
}

impl Viewer {
    /// Queues what a look has found.
    fn take(&mut self, entries: Vec<TimelineEntry>) {
        self.has_more = i64::try_from(entries.len()).is_ok_and(|found| found >= SHOWN_MAX);
        self.waiting.extend(entries);
    }

    fn stream(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        futures::stream::unfold(self, |mut viewer| async move {
            let event = viewer.next().await?;
            Some((Ok(event), viewer))
        })
    }

    /// How the timeline goes on, if the key is still live.
    async fn look(&self) -> Result<Vec<TimelineEntry>, Error> {
        if !self.services.is_still_live(&self.caller).await? {
            return Err(Error::Unauthorized);
        }
        self.services.timeline_to_its_end(&self.caller, &self.id, self.last).await
    }

    /// The next entry; the end when the assistant was deleted, the process stops, or something inside is wrong.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(entry) = self.waiting.pop_front() {
                self.last = entry.sequence;
                self.is_over = entry.kind == DELETED;
                let event = sse::Event::default().id(entry.sequence.to_string()).event(entry.kind);
                return event.json_data(EventInfo::from(entry)).ok();
            }
            if self.is_over {
                return None;
            }
            let closing = self.services.hub().closing().clone();
            tokio::select! {
                () = closing.cancelled() => return None,
                () = std::future::ready(()), if self.has_more => {}
                () = change_of(&mut self.news, self.caller.user_id, self.assistant) => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            match self.look().await {
                Ok(entries) => self.take(entries),
                Err(Error::NotFound | Error::Unauthorized) => return None,
                Err(error) => {
                    tracing::error!(error = %Chain(&error), "an event stream ends");
                    return None;
                }
            }
        }
    }
}

/// One callback, over all its tries.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallbackDelivery)]
pub struct DeliveryInfo {
    /// The `webhook-id` of all its tries.
    #[schema(format = Uuid)]
    pub id: String,
    /// What it tells of.
    #[serde(rename = "type")]
    pub kind: String,
    /// The event's sequence.
    pub sequence: i64,
    /// Where to; as it was when the event was made.
    pub url: String,
    /// How far it has come.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: i64,
    /// HTTP status of the last answer.
    #[schema(required)]
    pub last_status: Option<i64>,
    /// What went wrong in the last try.
    #[schema(required)]
    pub last_error: Option<String>,
    /// When the event was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

impl From<DeliveryRow> for DeliveryInfo {
    fn from(row: DeliveryRow) -> Self {
        Self {
            kind: callback_type(&row),
            id: row.id.to_string(),
            sequence: row.sequence,
            url: row.url,
            state: state(row.state),
            attempts: row.attempts,
            last_status: row.last_status,
            last_error: row.last_error,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

const fn state(stored: reef_store::DeliveryState) -> DeliveryState {
    match stored {
        reef_store::DeliveryState::Pending => DeliveryState::Pending,
        reef_store::DeliveryState::Delivered => DeliveryState::Delivered,
        reef_store::DeliveryState::Failed => DeliveryState::Failed,
    }
}

/// The delivery log.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryListResponse {
    /// The newest hundred callbacks, newest first.
    pub data: Vec<DeliveryInfo>,
}

/// One callback.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryResponse {
    /// The callback.
    pub data: DeliveryInfo,
}

/// List callbacks
///
/// The delivery log of an assistant's callbacks, newest first.
#[utoipa::path(
    get, path = "/api/v1/assistants/{deploymentId}/callbacks", operation_id = "listCallbacks", tag = "Callbacks",
    security(("apiKey" = ["read"])),
    params(("deploymentId" = String, Path, format = Uuid, description = "Assistant deployment ID returned from purchase or list endpoints.")),
    responses(
        (status = 200, description = "The delivery log.", body = DeliveryListResponse),
        (status = 304, description = "What `If-None-Match` names is still so."),
        (status = 401, description = "`UNAUTHORIZED`: X-API-Key header is missing or invalid.", body = ErrorResponse),
        (status = 403, description = "`FORBIDDEN`: the key lacks the read scope.", body = ErrorResponse),
        (status = 404, description = "`NOT_FOUND`: the deployment does not exist or does not belong to the API key owner. `API_DISABLED`: ASSISTANTS_API_V1_ENABLED is false.", body = ErrorResponse),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key.", body = ErrorResponse),
        (status = 500, description = "`INTERNAL_ERROR`: unhandled internal exception.", body = ErrorResponse),
    )
)]
pub async fn callbacks(
    State(services): State<Services>,
    KeyHolder(caller): KeyHolder,
    Ids(id): Ids<String>,
) -> Result<Json<DeliveryListResponse>, ApiError> {
    let data = services.callbacks(&caller, &id).await?.into_iter().map(DeliveryInfo::from).collect();
    Ok(Json(DeliveryListResponse { data }))
}

/// Redeliver a callback
///
/// Sends a callback again now: the same `webhook-id` and body, with the whole retry schedule anew.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/callbacks/{deliveryId}/redeliver", operation_id = "redeliverCallback", tag = "Callbacks",
    security(("apiKey" = ["write"])),
    params(
        ("deploymentId" = String, Path, format = Uuid, description = "Assistant deployment ID returned from purchase or list endpoints."),
        ("deliveryId" = String, Path, format = Uuid, description = "Callback ID from the delivery log."),
    ),
    responses(
        (status = 200, description = "The callback, to be sent now.", body = DeliveryResponse),
        (status = 400, description = "`INVALID_REQUEST`: there is a body that says something.", body = ErrorResponse),
        (status = 401, description = "`UNAUTHORIZED`: X-API-Key header is missing or invalid.", body = ErrorResponse),
        (status = 403, description = "`FORBIDDEN`: the key lacks the write scope.", body = ErrorResponse),
        (status = 404, description = "`NOT_FOUND`: there is no such deployment of yours, or no such callback of it. `API_DISABLED`: ASSISTANTS_API_V1_ENABLED is false.", body = ErrorResponse),
        (status = 413, description = "`INVALID_REQUEST`: the body has more than 64 KiB.", body = ErrorResponse),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key, or 30 callbacks of the account were sent by hand within a minute.", body = ErrorResponse),
        (status = 500, description = "`INTERNAL_ERROR`: unhandled internal exception.", body = ErrorResponse),
    )
)]
pub async fn redeliver(
    State(services): State<Services>,
    KeyHolder(caller): KeyHolder,
    Ids((id, delivery)): Ids<(String, String)>,
    NoBody(body): NoBody,
) -> Result<Json<DeliveryResponse>, ApiError> {
    let row = services.redeliver(&caller, &id, &delivery, body).await?;
    Ok(Json(DeliveryResponse { data: row.into() }))
}

/// Send a test callback
///
/// Sends a callback of type `assistant.test` with the present status to the assistant's callback URL.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/callbacks/test", operation_id = "testCallback", tag = "Callbacks",
    security(("apiKey" = ["write"])),
    params(("deploymentId" = String, Path, format = Uuid, description = "Assistant deployment ID returned from purchase or list endpoints.")),
    responses(
        (status = 200, description = "The callback, to be sent now.", body = DeliveryResponse),
        (status = 400, description = "`INVALID_REQUEST`: there is a body that says something.", body = ErrorResponse),
        (status = 401, description = "`UNAUTHORIZED`: X-API-Key header is missing or invalid.", body = ErrorResponse),
        (status = 403, description = "`FORBIDDEN`: the key lacks the write scope.", body = ErrorResponse),
        (status = 404, description = "`NOT_FOUND`: the deployment does not exist or does not belong to the API key owner. `API_DISABLED`: ASSISTANTS_API_V1_ENABLED is false.", body = ErrorResponse),
        (status = 409, description = "`INVALID_STATE`: the assistant has no callback URL.", body = ErrorResponse),
        (status = 413, description = "`INVALID_REQUEST`: the body has more than 64 KiB.", body = ErrorResponse),
        (status = 429, description = "`RATE_LIMITED`: too many requests with this key, or 30 callbacks of the account were sent by hand within a minute.", body = ErrorResponse),
        (status = 500, description = "`INTERNAL_ERROR`: unhandled internal exception.", body = ErrorResponse),
    )
)]
pub async fn test_callback(
    State(services): State<Services>,
    KeyHolder(caller): KeyHolder,
    Ids(id): Ids<String>,
    NoBody(body): NoBody,
) -> Result<Json<DeliveryResponse>, ApiError> {
    let row = services.test_callback(&caller, &id, body).await?;
    Ok(Json(DeliveryResponse { data: row.into() }))
}
