//! Live updates of the dashboard over server-sent events. Each event is a full snapshot, so a client that missed any number
//! of them is up to date after the next one.
//!
//! A page opens its stream with the stamp of what it shows (`?seen=`, or `Last-Event-ID` after a lost connection), and the
//! stream sends nothing while that is current.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use futures::{Stream, StreamExt as _};
use reef_app::session::find_caller;
use reef_app::snapshot::{self, Snapshot};
use reef_domain::ErrorChain;
use reef_domain::ids::AssistantId;
use reef_service::events::{Change, wait_for_change};
use reef_service::throttling::Permit;
use reef_service::{Caller, Error, Services};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;
use tower_sessions::Session;

use crate::api_error::ApiError;
use crate::metrics::OpenStreamGuard;

/// How often an idle stream sends a comment, so that proxies keep it open.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// How long a browser waits before it reconnects.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);
/// How often a stream reads the database although nothing was published: unpaid assistants leave the list and sessions expire
/// without a change.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// The state of the routes.
#[derive(Clone)]
pub struct LiveState {
    pub services: Services,
    /// Ends all streams when the process stops.
    pub stop: CancellationToken,
}

/// `/live/assistants`, `/live/assistants/{id}` and `/live/receipts/{id}`, for signed-in users.
pub fn router(live: LiveState) -> Router {
    Router::new()
        .route("/live/assistants", get(list))
        .route("/live/assistants/{id}", stream_by_id(Subject::Assistant))
        .route("/live/receipts/{id}", stream_by_id(Subject::Receipt))
        .with_state(live)
}

/// The subject of a stream.
#[derive(Clone)]
enum Subject {
    All,
    Assistant(String),
    Receipt(String),
}

/// The query of a stream.
#[derive(Deserialize)]
struct SeenQuery {
    /// The stamp of what the page shows.
    seen: Option<String>,
}

impl SeenQuery {
    fn last(self, headers: &HeaderMap) -> Option<String> {
        let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        resumed.or(self.seen)
    }
}

/// A route whose stream is about the id in the path.
fn stream_by_id(subject: fn(String) -> Subject) -> MethodRouter<LiveState> {
    let listen = async move |State(live): State<LiveState>,
                             session: Session,
                             Path(id): Path<String>,
                             Query(seen): Query<SeenQuery>,
                             headers: HeaderMap| {
        stream(live, session, subject(id), seen.last(&headers)).await
    };
    get(listen)
}

async fn list(
    State(live): State<LiveState>,
    session: Session,
    Query(seen): Query<SeenQuery>,
    headers: HeaderMap,
) -> Response {
    stream(live, session, Subject::All, seen.last(&headers)).await
}

async fn stream(live: LiveState, session: Session, subject: Subject, seen: Option<String>) -> Response {
    // The subscription starts before the first read, so that no change is missed in between.
    let changes = live.services.event_bus().subscribe();
    let caller = match find_caller(&session).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(error) => {
            tracing::error!(error = %ErrorChain(&error), "session could not be read");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    // If the assistant was deleted elsewhere just before the page opened its stream, the stream sends `gone`. An id that
    // never existed is answered with 404.
    let current = snapshot(&live.services, &caller, &subject).await;
    if matches!(current, Err(Error::NotFound)) && !was_deleted(&live.services, &caller, &subject).await {
        return StatusCode::NOT_FOUND.into_response();
    }
    let permit = match live.services.stream_limit().reserve(caller.user_id) {
        Ok(seat) => seat,
        Err(error) => return ApiError::from(error).into_response(),
    };
    let assistant = match &subject {
        Subject::All => None,
        Subject::Assistant(id) | Subject::Receipt(id) => AssistantId::parse(id),
    };
    let viewer = SnapshotStream {
        live,
        session,
        caller,
        subject,
        assistant,
        changes,
        last_stamp: seen,
        has_started: false,
        is_over: false,
        _permit: permit,
        _counted: OpenStreamGuard::new(),
    };
    Sse::new(viewer.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL)).into_response()
}

async fn snapshot(services: &Services, caller: &Caller, subject: &Subject) -> Result<Snapshot, Error> {
    match subject {
        Subject::All => snapshot::list(services, caller).await,
        Subject::Assistant(id) => snapshot::assistant(services, caller, id).await,
        Subject::Receipt(id) => snapshot::receipt(services, caller, id).await,
    }
}

async fn was_deleted(services: &Services, caller: &Caller, subject: &Subject) -> bool {
    match subject {
        Subject::Assistant(id) => services.get_receipt(caller, id).await.is_ok(),
        Subject::All | Subject::Receipt(_) => false,
    }
}

struct SnapshotStream {
    live: LiveState,
    session: Session,
    caller: Caller,
    subject: Subject,
    /// The assistant whose changes matter, or `None` for all of the caller's.
    assistant: Option<AssistantId>,
    changes: Receiver<Change>,
    /// The stamp that was sent last, or that the page started with.
    last_stamp: Option<String>,
    has_started: bool,
    is_over: bool,
    _permit: Permit,
    _counted: OpenStreamGuard,
}

impl SnapshotStream {
    /// Sends the current snapshot, unless the page shows it already, and then each one that differs from the one before.
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        let greeting = Event::default().retry(RECONNECT_AFTER);
        let changes = futures::stream::unfold(self, |mut viewer| async move {
            let event = viewer.next().await?;
            Some((Ok(event), viewer))
        });
        futures::stream::once(async { Ok(greeting) }).chain(changes)
    }

    /// Whether the session still exists and belongs to the same user.
    async fn is_still_signed_in(&self) -> bool {
        let loaded = self.session.load().await;
        loaded.is_ok() && matches!(find_caller(&self.session).await, Ok(Some(now)) if now == self.caller)
    }

    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        let stop = self.live.stop.clone();
        loop {
            if self.has_started {
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = wait_for_change(&mut self.changes, self.caller.user_id, self.assistant) => {}
                    () = tokio::time::sleep(POLL_INTERVAL) => {}
                }
            }
            // A user who has signed out in the meantime gets no more snapshots.
            if self.has_started && !self.is_still_signed_in().await {
                return None;
            }
            self.has_started = true;
            match snapshot(&self.live.services, &self.caller, &self.subject).await {
                Ok(now) if self.last_stamp.as_ref() == Some(&now.stamp) => {}
                Ok(now) => {
                    self.last_stamp = Some(now.stamp.clone());
                    return Some(Event::default().id(now.stamp).data(now.json));
                }
                Err(Error::NotFound) => {
                    self.is_over = true;
                    return Some(Event::default().event("gone").data("{}"));
                }
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), "live stream failed");
                    return None;
                }
            }
        }
    }
}
