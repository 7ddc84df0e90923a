//! The timeline of an assistant as an event stream, which lasts until the assistant is deleted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use reef_domain::ErrorChain;
use reef_domain::ids::AssistantId;
use reef_domain::wire::EventKind;
use reef_service::events::{Change, TIMELINE_MAX, TimelineEntry, wait_for_change};
use reef_service::throttling::Permit;
use reef_service::{Caller, Error, Services};
use tokio::sync::broadcast::Receiver;

use super::schema::EventInfo;
use crate::metrics::OpenStreamGuard;

/// How often an idle stream sends a comment, so that proxies keep it open.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// How often a stream reads the database although nothing was published: a key expires without a change.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// Streams the entries of one timeline to one client.
pub(super) struct EventStream {
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
    /// Reads the entries after `last_sequence` and subscribes to those that follow.
    pub(super) async fn open(
        services: Services,
        caller: Caller,
        id: String,
        last_sequence: i64,
    ) -> Result<Self, Error> {
        // The subscription starts before the first read, so that no change is missed in between.
        let changes = services.event_bus().subscribe();
        let entries = services.list_events_after(&caller, &id, last_sequence).await?;
        let permit = services.stream_limit().reserve(caller.user_id)?;
        let mut stream = Self {
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
        stream.buffer(entries);
        Ok(stream)
    }

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
                // A deletion is the last entry of every timeline.
                self.is_over = entry.kind == EventKind::Deleted;
                let event = sse::Event::default().id(entry.sequence.to_string()).event(entry.kind.as_str());
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

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        let stream = Sse::new(self.stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL));
        // A stream has no `ETag`, so it cannot be revalidated.
        let uncached = [
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::VARY, HeaderValue::from_static("accept, x-api-key")),
        ];
        (uncached, stream).into_response()
    }
}
