//! The timeline of an assistant as an event stream, which lasts until the assistant is deleted.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response, sse};
use reef_app::event_stream::{self, Batch, EventSource, NextRead};
use reef_domain::ids::AssistantId;
use reef_domain::wire::{EventKind, Scope};
use reef_service::events::{TIMELINE_MAX, TimelineEntry};
use reef_service::{Caller, Error, Services};

use super::schema::EventInfo;

/// Responds with the entries of a timeline after `last_sequence`, and then with those that follow.
pub(super) async fn respond(
    services: Services,
    caller: Caller,
    id: String,
    last_sequence: i64,
) -> Result<Response, Error> {
    caller.require_scope(Scope::Read)?;
    let assistant = AssistantId::parse(&id).ok_or(Error::NotFound)?;
    let changes = services.event_bus().subscribe(caller.user_id, Some(assistant));
    // A key that was revoked before the subscription began has caused no change that the stream would see.
    if !services.is_still_live(&caller).await? {
        return Err(Error::Unauthorized);
    }
    let entries = services.list_events_after(&caller, &id, last_sequence).await?;
    let mut source = TimelineSource { services: services.clone(), caller, id, last_sequence };
    let first = source.batch(entries)?;
    let stream = event_stream::respond(&services, &caller, changes, first, source)?;
    // A stream has no `ETag`, so it cannot be revalidated.
    let uncached = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept, x-api-key")),
    ];
    Ok((uncached, stream).into_response())
}

/// Reads the entries of one timeline.
struct TimelineSource {
    services: Services,
    caller: Caller,
    id: String,
    last_sequence: i64,
}

impl TimelineSource {
    fn batch(&mut self, entries: Vec<TimelineEntry>) -> Result<Batch, Error> {
        let is_full = i64::try_from(entries.len()).is_ok_and(|found| found >= TIMELINE_MAX);
        let mut next_read = if is_full { NextRead::Now } else { NextRead::AfterChange };
        let mut events = Vec::with_capacity(entries.len());
        for entry in entries {
            self.last_sequence = entry.sequence;
            // A deletion is the last entry of every timeline.
            if entry.kind == EventKind::Deleted {
                next_read = NextRead::Never;
            }
            let event = sse::Event::default().id(entry.sequence.to_string()).event(entry.kind.as_str());
            events.push(event.json_data(EventInfo::from(entry)).map_err(Error::internal)?);
        }
        Ok(Batch { events, next_read })
    }
}

impl EventSource for TimelineSource {
    /// Reads the entries after the last one, if the key is still valid.
    async fn read(&mut self) -> Result<Batch, Error> {
        if !self.services.is_still_live(&self.caller).await? {
            return Err(Error::Unauthorized);
        }
        let entries =
            self.services.list_events_until_deleted(&self.caller, &self.id, self.last_sequence).await?;
        self.batch(entries)
    }
}
