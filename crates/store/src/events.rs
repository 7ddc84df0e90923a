//! The history of assistants: one event per change, numbered without gaps.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, EventId, UserId};
use reef_domain::wire::{EventKind, Status};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// One event of an assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct EventRow {
    pub id: EventId,
    pub assistant_id: AssistantId,
    pub user_id: UserId,
    /// Grows by one with each event of an assistant.
    pub sequence: i64,
    pub kind: EventKind,
    /// The status after the event.
    pub status: Status,
    /// The status before the event.
    pub previous_status: Option<Status>,
    pub status_message: Option<String>,
    /// What pages say about the event in addition to the message. The API and webhooks leave it out.
    pub note: Option<String>,
    pub worker_url: Option<String>,
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct Row {
    id: EventId,
    assistant_id: AssistantId,
    user_id: UserId,
    sequence: i64,
    kind: String,
    status: String,
    previous_status: Option<String>,
    status_message: Option<String>,
    note: Option<String>,
    worker_url: Option<String>,
    created_at: Timestamp,
}

impl TryFrom<Row> for EventRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = || StoreError::corrupt("events", row.id);
        Ok(Self {
            kind: EventKind::parse(&row.kind).ok_or_else(corrupt)?,
            status: Status::parse(&row.status).ok_or_else(corrupt)?,
            previous_status: row
                .previous_status
                .as_deref()
                .map(|text| Status::parse(text).ok_or_else(corrupt))
                .transpose()?,
            id: row.id,
            assistant_id: row.assistant_id,
            user_id: row.user_id,
            sequence: row.sequence,
            status_message: row.status_message,
            note: row.note,
            worker_url: row.worker_url,
            created_at: row.created_at,
        })
    }
}

impl Tx {
    /// Inserts an event. Its sequence number must be new for the assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when the sequence is taken.
    pub async fn insert_event(&mut self, event: &EventRow) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into events (id, assistant_id, user_id, sequence, kind, status, previous_status,
                                 status_message, note, worker_url, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            event.id,
            event.assistant_id,
            event.user_id,
            event.sequence,
            event.kind.as_str(),
            event.status.as_str(),
            event.previous_status.map(Status::as_str),
            &event.status_message,
            &event.note,
            &event.worker_url,
            event.created_at,
        );
        Ok(())
    }

    /// Lists an assistant's events, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_events(
        &mut self,
        assistant: AssistantId,
        limit: i64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows: Vec<Row> = fetch_all!(
            self,
            Row,
            "select * from events where assistant_id = $1 order by sequence desc limit $2",
            assistant,
            limit,
        );
        rows.into_iter().map(EventRow::try_from).collect()
    }

    /// Lists an assistant's events after a sequence number, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_events_after(
        &mut self,
        assistant: AssistantId,
        sequence: i64,
        limit: i64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let rows: Vec<Row> = fetch_all!(
            self,
            Row,
            "select * from events where assistant_id = $1 and sequence > $2 order by sequence limit $3",
            assistant,
            sequence,
            limit,
        );
        rows.into_iter().map(EventRow::try_from).collect()
    }

    /// Whether an assistant has ever been active.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_been_active(&mut self, assistant: AssistantId) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select sequence from events where assistant_id = $1 and kind = $2 and status = 'active' limit 1",
            assistant,
            EventKind::StatusChanged.as_str(),
        );
        Ok(row.is_some())
    }

    /// Deletes the events of assistants that were deleted before `before`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_events(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let pruned = execute!(
            self,
            "delete from events where assistant_id in
                    (select assistant_id from tombstones where not events_pruned and deleted_at < $1)",
            before,
        );
        // Tombstones stay, so those without events must not be gone through each time.
        let sql = "update tombstones set events_pruned = true where not events_pruned and deleted_at < $1";
        execute!(self, sql, before);
        Ok(pruned)
    }
}
