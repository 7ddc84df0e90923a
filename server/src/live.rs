//! Live status for the dashboard: full snapshots over server-sent events. A client that missed ten is right after one.
//!
//! A stream begins with what its page shows (`?seen=`, or `Last-Event-ID` after a lost connection): while that is how
//! things are, it says nothing.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use futures::{Stream, StreamExt as _};
use reef_app::session::caller_of;
use reef_app::snapshot::{self, Snapshot};
use reef_domain::Chain;
use reef_domain::ids::AssistantId;
use reef_service::hub::{News, change_of};
use reef_service::seats::Seat;
use reef_service::{Caller, Error, Services};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;
use tower_sessions::Session;

use crate::api::ApiError;
use crate::metrics::OpenStream;

/// How often a silent stream says that it lives, so that proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);
/// How often a stream looks without news: an unpaid slot leaves the list, and a session ends, by the clock alone.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What the streams need.
#[derive(Clone)]
pub struct Live {
    /// Where snapshots come from.
    pub services: Services,
    /// Ends every stream when the process stops.
    pub stop: CancellationToken,
}

/// `/live/assistants`, `/live/assistants/{id}` and `/live/receipts/{id}`, for people who are signed in.
pub fn router(live: Live) -> Router {
    Router::new()
        .route("/live/assistants", get(list))
        .route("/live/assistants/{id}", of_id(Subject::One))
        .route("/live/receipts/{id}", of_id(Subject::Receipt))
        .with_state(live)
}

/// What a stream shows.
#[derive(Clone)]
enum Subject {
    All,
    One(String),
    Receipt(String),
}

/// What the one who listens has seen already.
#[derive(Deserialize)]
struct Seen {
    /// The stamp of the snapshot that the page shows.
    seen: Option<String>,
}

impl Seen {
    fn last(self, headers: &HeaderMap) -> Option<String> {
        let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        resumed.or(self.seen)
    }
}

/// The stream about what a path's id names.
fn of_id(subject: fn(String) -> Subject) -> MethodRouter<Live> {
    let listen = async move |State(live): State<Live>,
                             session: Session,
                             Path(id): Path<String>,
                             Query(seen): Query<Seen>,
                             headers: HeaderMap| {
        stream(live, session, subject(id), seen.last(&headers)).await
    };
    get(listen)
}

async fn list(
    State(live): State<Live>,
    session: Session,
    Query(seen): Query<Seen>,
    headers: HeaderMap,
) -> Response {
    stream(live, session, Subject::All, seen.last(&headers)).await
}

async fn stream(live: Live, session: Session, subject: Subject, seen: Option<String>) -> Response {
    // Listening begins before the first look, so that nothing falls between.
    let news = live.services.hub().listen();
    let caller = match caller_of(&session).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "a live stream cannot begin");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    // A page may open its stream just after what it shows was deleted elsewhere: the stream tells it so. What was never
    // there is a 404.
    let now = snapshot(&live.services, &caller, &subject).await;
    if matches!(now, Err(Error::NotFound)) && !was_deleted(&live.services, &caller, &subject).await {
        return StatusCode::NOT_FOUND.into_response();
    }
    let seat = match live.services.seats().take(caller.user_id) {
        Ok(seat) => seat,
        Err(error) => return ApiError::from(error).into_response(),
    };
    let assistant = match &subject {
        Subject::All => None,
        Subject::One(id) | Subject::Receipt(id) => AssistantId::parse(id),
    };
    let viewer = Viewer {
        live,
        session,
        caller,
        subject,
        assistant,
        news,
        last: seen,
        has_looked: false,
        is_over: false,
        _seat: seat,
        _open: OpenStream::new(),
    };
    Sse::new(viewer.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

async fn snapshot(services: &Services, caller: &Caller, subject: &Subject) -> Result<Snapshot, Error> {
    match subject {
        Subject::All => snapshot::list(services, caller).await,
        Subject::One(id) => snapshot::assistant(services, caller, id).await,
        Subject::Receipt(id) => snapshot::receipt(services, caller, id).await,
    }
}

async fn was_deleted(services: &Services, caller: &Caller, subject: &Subject) -> bool {
    match subject {
        Subject::One(id) => services.receipt(caller, id).await.is_ok(),
        Subject::All | Subject::Receipt(_) => false,
    }
}

struct Viewer {
    live: Live,
    session: Session,
    caller: Caller,
    subject: Subject,
    /// `None`: all of them.
    assistant: Option<AssistantId>,
    news: Receiver<News>,
    /// The stamp of what was told last.
    last: Option<String>,
    has_looked: bool,
    is_over: bool,
    _seat: Seat,
    _open: OpenStream,
}

impl Viewer {
    /// The snapshot now, unless it was seen already, then each one that differs from the last.
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        let greeting = Event::default().retry(RECONNECT_AFTER);
        let news = futures::stream::unfold(self, |mut viewer| async move {
            let event = viewer.next().await?;
            Some((Ok(event), viewer))
        });
        futures::stream::once(async { Ok(greeting) }).chain(news)
    }

    /// Whether the session is still there, with the same person in it.
    async fn is_still_in(&self) -> bool {
        let loaded = self.session.load().await;
        loaded.is_ok() && matches!(caller_of(&self.session).await, Ok(Some(now)) if now == self.caller)
    }

    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        let stop = self.live.stop.clone();
        loop {
            if self.has_looked {
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = change_of(&mut self.news, self.caller.user_id, self.assistant) => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
            // Who has signed out meanwhile sees no more.
            if self.has_looked && !self.is_still_in().await {
                return None;
            }
            self.has_looked = true;
            match snapshot(&self.live.services, &self.caller, &self.subject).await {
                Ok(now) if self.last.as_ref() == Some(&now.stamp) => {}
                Ok(now) => {
                    self.last = Some(now.stamp.clone());
                    return Some(Event::default().id(now.stamp).data(now.json));
                }
                Err(Error::NotFound) => {
                    self.is_over = true;
                    return Some(Event::default().event("gone").data("{}"));
                }
                Err(error) => {
                    tracing::error!(error = %Chain(&error), "a live stream ends");
                    return None;
                }
            }
        }
    }
}
