//! Live status for the dashboard: full snapshots over server-sent events. A client
//! that missed ten is right after one.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::Stream;
use reef_app::session::caller_of;
use reef_domain::Chain;
use reef_domain::ids::AssistantId;
use reef_service::hub::{News, change_of};
use reef_service::seats::Seat;
use reef_service::{Caller, Error, Services};
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;
use tower_sessions::Session;

use crate::metrics::OpenStream;

/// How often a silent stream says that it lives, so that proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
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

/// `/live/assistants` and `/live/assistants/{id}`, for people who are signed in.
pub fn router(live: Live) -> Router {
    Router::new()
        .route("/live/assistants", get(list))
        .route("/live/assistants/{id}", get(one))
        .with_state(live)
}

/// What a stream shows.
#[derive(Clone)]
enum Subject {
    All,
    One(String),
}

async fn list(State(live): State<Live>, session: Session) -> Response {
    stream(live, session, Subject::All).await
}

async fn one(State(live): State<Live>, session: Session, Path(id): Path<String>) -> Response {
    stream(live, session, Subject::One(id)).await
}

async fn stream(live: Live, session: Session, subject: Subject) -> Response {
    // Listening begins before the first look, so that nothing falls between.
    let news = live.services.hub().listen();
    let Ok(Some(caller)) = caller_of(&session).await else { return StatusCode::UNAUTHORIZED.into_response() };
    // 404 now is kinder than a stream that ends at once.
    if matches!(snapshot(&live.services, &caller, &subject).await, Err(Error::NotFound)) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(seat) = live.services.seats().take(caller.user_id) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let assistant = match &subject {
        Subject::All => None,
        Subject::One(id) => AssistantId::parse(id),
    };
    let viewer = Viewer {
        live,
        session,
        caller,
        subject,
        assistant,
        news,
        last: None,
        is_over: false,
        _seat: seat,
        _open: OpenStream::new(),
    };
    Sse::new(viewer.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// A snapshot and its text.
async fn snapshot(services: &Services, caller: &Caller, subject: &Subject) -> Result<String, Error> {
    fn text(value: &impl Serialize) -> Result<String, Error> {
        serde_json::to_string(value).map_err(Error::internal)
    }
    match subject {
        Subject::All => text(&services.list_assistants(caller).await?),
        Subject::One(id) => text(&services.assistant(caller, id).await?),
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
    last: Option<String>,
    is_over: bool,
    _seat: Seat,
    _open: OpenStream,
}

impl Viewer {
    /// The snapshot now, then each one that differs from the last.
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        futures::stream::unfold(self, |mut viewer| async move {
            let event = viewer.next().await?;
            Some((Ok(event), viewer))
        })
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
            if self.last.is_some() {
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = change_of(&mut self.news, self.caller.user_id, self.assistant) => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
            // Who has signed out meanwhile sees no more.
            if self.last.is_some() && !self.is_still_in().await {
                return None;
            }
            match snapshot(&self.live.services, &self.caller, &self.subject).await {
                Ok(text) if self.last.as_ref() == Some(&text) => {}
                Ok(text) => {
                    self.last = Some(text.clone());
                    return Some(Event::default().id(self.live.services.now().to_string()).data(text));
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
