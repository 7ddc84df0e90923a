//! Server-sent events: what the live updates of pages and the event streams of the API share.
//!
//! A stream reads the database when something has changed for its caller, and at least once a minute. It counts against the
//! account's limit, and it ends with the process or with the access of its caller.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::Stream;
use metrics::gauge;
use reef_domain::ErrorChain;
use reef_domain::ids::UserId;
use reef_service::events::Subscription;
use reef_service::throttling::Permit;
use reef_service::{Caller, Error, Services};

/// How often an idle stream sends a comment, so that proxies keep it open.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// How often a stream reads the database although nothing was published: sessions and keys expire, and unpaid assistants leave
/// the list, without a change.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// Reads what a stream sends.
pub trait EventSource: Send + 'static {
    /// Reads what has happened since the last read.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] or [`Error::NotFound`] when the caller may not read any more. Every error ends the stream.
    fn read(&mut self) -> impl Future<Output = Result<Batch, Error>> + Send;
}

/// The events of one read.
#[derive(Debug)]
pub struct Batch {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// When to read again, once they are sent.
    pub next_read: NextRead,
}

/// When a stream reads again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextRead {
    /// When something has changed.
    AfterChange,
    /// Immediately, because there may be more.
    Now,
    /// Never: there will be no further events.
    Never,
}

/// Responds with the events of `first`, and then with those that `source` reads after each change that `changes` reports. That
/// subscription must be older than the first read, so that no change is missed in between.
///
/// # Errors
/// [`Error::RateLimited`] when the caller's account or the process has too many streams.
pub fn respond(
    services: &Services,
    caller: &Caller,
    changes: Subscription,
    first: Batch,
    source: impl EventSource,
) -> Result<Response, Error> {
    let stream = EventStream {
        services: services.clone(),
        changes,
        pending: first.events.into(),
        next_read: first.next_read,
        source,
        _permit: services.stream_limit().reserve(caller.user_id)?,
        _open: OpenStreamGuard::new(),
    };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE_INTERVAL);
    Ok(Sse::new(stream.events()).keep_alive(keep_alive).into_response())
}

/// Gets the id of the last event that a client has received before it lost its connection.
#[must_use]
pub fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id")?.to_str().ok()
}

struct EventStream<S> {
    services: Services,
    changes: Subscription,
    pending: VecDeque<Event>,
    next_read: NextRead,
    source: S,
    _permit: Permit<UserId>,
    _open: OpenStreamGuard,
}

impl<S: EventSource> EventStream<S> {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        // The state is boxed, because the future would hold a second copy of it.
        futures::stream::unfold(Box::new(self), |mut stream| async move {
            let event = stream.next().await?;
            Some((Ok(event), stream))
        })
    }

    /// Reads the next events, and waits until a power cut cannot undo what they say.
    async fn read(&mut self) -> Result<Batch, Error> {
        let batch = self.source.read().await?;
        self.services.wait_until_durable().await?;
        Ok(batch)
    }

    /// Returns the next event, or `None` when the stream ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if self.next_read == NextRead::Never {
                return None;
            }
            let closing = self.services.event_bus().closing();
            tokio::select! {
                () = closing.cancelled() => return None,
                () = std::future::ready(()), if self.next_read == NextRead::Now => {}
                () = self.changes.changed() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            // A stream mostly waits, and a boxed read takes its memory only while it runs.
            match Box::pin(self.read()).await {
                Ok(batch) => {
                    self.pending.extend(batch.events);
                    self.next_read = batch.next_read;
                }
                Err(Error::NotFound | Error::Unauthorized) => return None,
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), "event stream failed");
                    return None;
                }
            }
        }
    }
}

/// Counts an open event stream until it is dropped.
struct OpenStreamGuard(());

impl OpenStreamGuard {
    fn new() -> Self {
        gauge!("reef_event_streams_open").increment(1.0);
        Self(())
    }
}

impl Drop for OpenStreamGuard {
    fn drop(&mut self) {
        gauge!("reef_event_streams_open").decrement(1.0);
    }
}
