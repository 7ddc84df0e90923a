//! Live updates of the dashboard over server-sent events. Each event is a full snapshot, so a client that missed any number
//! of them is up to date after the next one.
//!
//! A page opens its stream with the stamp of what it shows (`?seen=`, or `Last-Event-ID` after a lost connection), and the
//! stream sends nothing while that is current.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use reef_domain::ErrorChain;
use reef_domain::ids::AssistantId;
use reef_service::{Caller, Error, Services};
use serde::Deserialize;
use serde_json::json;
use tower_sessions::Session;

use crate::event_stream::{self, Batch, EventSource, NextRead, last_event_id};
use crate::http_status::status_of;
use crate::session::find_caller;
use crate::snapshot::{self, Snapshot};

/// How long a browser waits before it reconnects.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// `/live/assistants`, `/live/assistants/{id}` with the pages below it, and `/live/receipts/{id}`, for signed-in users.
pub(crate) fn router(services: Services) -> Router {
    Router::new()
        .route("/live/assistants", get(list))
        .route("/live/assistants/{id}", stream_by_id(Subject::Assistant))
        .route("/live/assistants/{id}/behavior", stream_by_id(Subject::Behavior))
        .route("/live/assistants/{id}/people", stream_by_id(Subject::People))
        .route("/live/receipts/{id}", stream_by_id(Subject::Receipt))
        .with_state(services)
}

/// The subject of a stream.
#[derive(Clone)]
enum Subject {
    All,
    Assistant(String),
    Behavior(String),
    People(String),
    Receipt(String),
}

impl Subject {
    async fn snapshot(&self, services: &Services, caller: &Caller) -> Result<Snapshot, Error> {
        match self {
            Self::All => snapshot::list(services, caller).await,
            Self::Assistant(id) => snapshot::assistant(services, caller, id).await,
            Self::Behavior(id) => snapshot::behavior(services, caller, id).await,
            Self::People(id) => snapshot::people(services, caller, id).await,
            Self::Receipt(id) => snapshot::receipt(services, caller, id).await,
        }
    }

    async fn was_deleted(&self, services: &Services, caller: &Caller) -> bool {
        match self {
            Self::Assistant(id) | Self::Behavior(id) | Self::People(id) => {
                services.get_receipt(caller, id).await.is_ok()
            }
            Self::All | Self::Receipt(_) => false,
        }
    }

    /// The assistant whose changes matter, or `None` for all of the caller's.
    fn assistant(&self) -> Option<AssistantId> {
        match self {
            Self::All => None,
            Self::Assistant(id) | Self::Behavior(id) | Self::People(id) | Self::Receipt(id) => {
                AssistantId::parse(id)
            }
        }
    }
}

/// The query of a stream.
#[derive(Deserialize)]
struct SeenQuery {
    /// The stamp of what the page shows.
    seen: Option<String>,
}

impl SeenQuery {
    fn last(self, headers: &HeaderMap) -> Option<String> {
        last_event_id(headers).map(str::to_owned).or(self.seen)
    }
}

/// A route whose stream is about the id in the path.
fn stream_by_id(subject: fn(String) -> Subject) -> MethodRouter<Services> {
    let listen = async move |State(services): State<Services>,
                             session: Session,
                             Path(id): Path<String>,
                             Query(seen): Query<SeenQuery>,
                             headers: HeaderMap| {
        stream(services, session, subject(id), seen.last(&headers)).await
    };
    get(listen)
}

async fn list(
    State(services): State<Services>,
    session: Session,
    Query(seen): Query<SeenQuery>,
    headers: HeaderMap,
) -> Response {
    stream(services, session, Subject::All, seen.last(&headers)).await
}

async fn stream(services: Services, session: Session, subject: Subject, seen: Option<String>) -> Response {
    let caller = match find_caller(&session).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(error) => {
            tracing::error!(error = %ErrorChain(&error), "session could not be read");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let assistant = subject.assistant();
    let changes = services.event_bus().subscribe(caller.user_id, assistant);
    // A session that ended before the subscription began has caused no change that the stream would see.
    if !is_still_signed_in(&session, &caller).await {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let current = subject.snapshot(&services, &caller).await;
    // If the assistant was deleted elsewhere just before the page opened its stream, the stream sends `gone`. An id that
    // never existed is answered with 404.
    if matches!(current, Err(Error::NotFound)) && !subject.was_deleted(&services, &caller).await {
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut source =
        SnapshotSource { services: services.clone(), session, caller, subject, last_stamp: seen };
    let opened = source.batch(current).and_then(|mut first| {
        first.events.insert(0, Event::default().retry(RECONNECT_AFTER));
        event_stream::respond(&services, &caller, changes, first, source)
    });
    opened.unwrap_or_else(|error| rejection(&error))
}

/// The response to a stream that could not be opened, in the form of the API's errors. Browsers read only its status.
fn rejection(error: &Error) -> Response {
    if let Error::Internal(source) = error {
        tracing::error!(error = %ErrorChain(&**source), "live stream could not be opened");
    }
    let status = status_of(error.code());
    let body = Json(json!({ "error": { "code": error.code(), "message": error.message() } }));
    match error {
        Error::RateLimited { retry_after_seconds, .. } => {
            (status, [(header::RETRY_AFTER, retry_after_seconds.to_string())], body).into_response()
        }
        _ => (status, body).into_response(),
    }
}

/// Whether the session still exists and belongs to the same user.
async fn is_still_signed_in(session: &Session, caller: &Caller) -> bool {
    session.load().await.is_ok() && matches!(find_caller(session).await, Ok(Some(now)) if now == *caller)
}

/// Reads the snapshots of one page.
struct SnapshotSource {
    services: Services,
    session: Session,
    caller: Caller,
    subject: Subject,
    /// The stamp that was sent last, or that the page started with.
    last_stamp: Option<String>,
}

impl SnapshotSource {
    /// The event for a snapshot, unless the page shows it already.
    fn batch(&mut self, current: Result<Snapshot, Error>) -> Result<Batch, Error> {
        let (event, next_read) = match current {
            Ok(now) if self.last_stamp.as_ref() == Some(&now.stamp) => (None, NextRead::AfterChange),
            Ok(now) => {
                self.last_stamp = Some(now.stamp.clone());
                (Some(Event::default().id(now.stamp).data(now.json)), NextRead::AfterChange)
            }
            Err(Error::NotFound) => (Some(Event::default().event("gone").data("{}")), NextRead::Never),
            Err(error) => return Err(error),
        };
        Ok(Batch { events: event.into_iter().collect(), next_read })
    }
}

impl EventSource for SnapshotSource {
    async fn read(&mut self) -> Result<Batch, Error> {
        // A user who has signed out in the meantime gets no more snapshots.
        if !is_still_signed_in(&self.session, &self.caller).await {
            return Err(Error::Unauthorized);
        }
        let current = self.subject.snapshot(&self.services, &self.caller).await;
        self.batch(current)
    }
}
