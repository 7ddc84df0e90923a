//! The timeline of an assistant.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, EventId};
use reef_domain::wire::{EventKind, Scope, Status};
use reef_store::{EventRow, Tx};

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// The most entries or deliveries in one answer.
pub const TIMELINE_MAX: i64 = 100;

/// An event of an assistant's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// The unique id of the event.
    pub id: EventId,
    /// Grows by one per event of an assistant.
    pub sequence: i64,
    /// What the event is about.
    pub kind: EventKind,
    /// The status after the event.
    pub status: Status,
    /// The status before the event; `None` for the first one.
    pub previous_status: Option<Status>,
    /// The status message at that time, or the text of the event.
    pub status_message: Option<String>,
    /// The worker's URL at that time, if it was active.
    pub worker_url: Option<String>,
    /// When the event was recorded.
    pub created_at: Timestamp,
}

impl From<EventRow> for TimelineEntry {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id,
            sequence: row.sequence,
            kind: row.kind,
            status: row.status,
            previous_status: row.previous_status,
            status_message: row.status_message,
            worker_url: row.worker_url,
            created_at: row.created_at,
        }
    }
}

impl Services {
    /// The newest [`TIMELINE_MAX`] events of an assistant, newest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn list_events(&self, caller: &Caller, id: &str) -> Result<Vec<TimelineEntry>, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        Ok(tx.list_events(assistant.id, TIMELINE_MAX).await?.into_iter().map(TimelineEntry::from).collect())
    }

    /// The events after this sequence, oldest first, at most [`TIMELINE_MAX`].
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn list_events_after(
        &self,
        caller: &Caller,
        id: &str,
        sequence: i64,
    ) -> Result<Vec<TimelineEntry>, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        read_entries_after(&mut tx, assistant.id, sequence).await
    }

    /// As [`Self::list_events_after`], for a stream: it also works once the assistant is deleted, so that its last event
    /// arrives.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn list_events_until_deleted(
        &self,
        caller: &Caller,
        id: &str,
        sequence: i64,
    ) -> Result<Vec<TimelineEntry>, Error> {
        match self.list_events_after(caller, id, sequence).await {
            Err(Error::NotFound) => {}
            other => return other,
        }
        let id = AssistantId::parse(id).ok_or(Error::NotFound)?;
        let mut tx = self.store().read().await?;
        let is_own_deletion =
            |last: &EventRow| last.user_id == caller.user_id && last.kind == EventKind::Deleted;
        if !tx.list_events(id, 1).await?.first().is_some_and(is_own_deletion) {
            return Err(Error::NotFound);
        }
        if let Some(grant) = caller.grant()
            && !tx.is_granted(grant, id).await?
        {
            return Err(Error::NotFound);
        }
        read_entries_after(&mut tx, id, sequence).await
    }
}

async fn read_entries_after(
    tx: &mut Tx,
    id: AssistantId,
    sequence: i64,
) -> Result<Vec<TimelineEntry>, Error> {
    let events = tx.list_events_after(id, sequence, TIMELINE_MAX).await?;
    Ok(events.into_iter().map(TimelineEntry::from).collect())
}
