//! Webhooks to customers: what is sent to which endpoint, and its attempts.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, DeliveryId, UserId};
use reef_domain::wire::{DeliveryState, EventKind};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// A schedule has ten attempts, and a delivery may be sent again.
const ATTEMPTS_KEPT: i64 = 50;

/// One event on its way to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct DeliveryRow {
    /// The `webhook-id` that all attempts carry.
    pub id: DeliveryId,
    pub assistant_id: AssistantId,
    /// The user whose signing secret is used.
    pub user_id: UserId,
    pub kind: EventKind,
    /// The sequence number of the event.
    pub sequence: i64,
    /// The endpoint, as it was when the event happened.
    pub url: String,
    /// The body, byte for byte.
    pub payload: String,
    pub state: DeliveryState,
    /// Attempts since the delivery was created or sent again.
    pub attempts: i64,
    /// The HTTP status of the last attempt, if it got one.
    pub last_status: Option<i64>,
    /// Why the last attempt failed, for customers to read.
    pub last_error: Option<String>,
    pub created_at: Timestamp,
    /// When it was delivered or failed.
    pub finished_at: Option<Timestamp>,
}

/// The outcome of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct AttemptOutcome {
    pub started_at: Timestamp,
    /// The state of the delivery after this attempt.
    pub state: DeliveryState,
    /// The HTTP status, if there was one.
    pub status: Option<i64>,
    /// Why the attempt failed, for customers to read.
    pub error: Option<String>,
}

/// An attempt as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct AttemptRow {
    pub delivery_id: DeliveryId,
    /// Counted from 1; continues when the delivery is sent again.
    pub number: i64,
    pub started_at: Timestamp,
    pub duration_ms: i64,
    /// The HTTP status, if there was one.
    pub status: Option<i64>,
    /// Why the attempt failed, for customers to read.
    pub error: Option<String>,
}

#[derive(FromRow)]
struct Row {
    id: DeliveryId,
    assistant_id: AssistantId,
    user_id: UserId,
    kind: String,
    sequence: i64,
    url: String,
    payload: String,
    state: String,
    attempts: i64,
    last_status: Option<i64>,
    last_error: Option<String>,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl TryFrom<Row> for DeliveryRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = || StoreError::corrupt("deliveries", row.id);
        Ok(Self {
            state: DeliveryState::parse(&row.state).ok_or_else(corrupt)?,
            kind: EventKind::parse(&row.kind).ok_or_else(corrupt)?,
            id: row.id,
            assistant_id: row.assistant_id,
            user_id: row.user_id,
            sequence: row.sequence,
            url: row.url,
            payload: row.payload,
            attempts: row.attempts,
            last_status: row.last_status,
            last_error: row.last_error,
            created_at: row.created_at,
            finished_at: row.finished_at,
        })
    }
}

impl Tx {
    /// Inserts a delivery before its first attempt.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_delivery(&mut self, row: &DeliveryRow) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into deliveries (id, assistant_id, user_id, kind, sequence, url, payload, state, attempts, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            row.id,
            row.assistant_id,
            row.user_id,
            row.kind.as_str(),
            row.sequence,
            &row.url,
            &row.payload,
            row.state.as_str(),
            row.attempts,
            row.created_at,
        );
        Ok(())
    }

    /// Finds a delivery by its id.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_delivery(&mut self, id: DeliveryId) -> Result<Option<DeliveryRow>, StoreError> {
        let row: Option<Row> = fetch_optional!(self, Row, "select * from deliveries where id = $1", id);
        row.map(DeliveryRow::try_from).transpose()
    }

    /// Records an attempt that ended at `now`. The newest fifty attempts of each delivery are kept.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_delivery_attempt(
        &mut self,
        id: DeliveryId,
        attempt: &AttemptOutcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let finished = (attempt.state != DeliveryState::Pending).then_some(now);
        execute!(
            self,
            "update deliveries set state = $2, attempts = attempts + 1, last_status = $3, last_error = $4,
                    finished_at = $5 where id = $1",
            id,
            attempt.state.as_str(),
            attempt.status,
            &attempt.error,
            finished,
        );
        let duration_ms = i64::try_from(now.since(attempt.started_at).as_millis()).unwrap_or(i64::MAX);
        execute!(
            self,
            "insert into delivery_attempts (delivery_id, number, started_at, duration_ms, status, error)
             select id, (select coalesce(max(number), 0) + 1 from delivery_attempts where delivery_id = $1), $2, $3, $4, $5
             from deliveries where id = $1",
            id,
            attempt.started_at,
            duration_ms,
            attempt.status,
            &attempt.error,
        );
        execute!(
            self,
            "delete from delivery_attempts where delivery_id = $1
               and number <= (select max(number) from delivery_attempts where delivery_id = $1) - $2",
            id,
            ATTEMPTS_KEPT,
        );
        Ok(())
    }

    /// Lists the attempts of an assistant's newest `deliveries` deliveries, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_delivery_attempts(
        &mut self,
        assistant: AssistantId,
        deliveries: i64,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        Ok(fetch_all!(
            self,
            AttemptRow,
            "select delivery_id, number, started_at, duration_ms, status, error from delivery_attempts
             where delivery_id in (select id from deliveries where assistant_id = $1
                                   order by created_at desc, sequence desc, id desc limit $2)
             order by number desc, delivery_id",
            assistant,
            deliveries,
        ))
    }

    /// Sets a delivery back to pending with no attempts, to send it again.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reopen_delivery(&mut self, id: DeliveryId) -> Result<(), StoreError> {
        execute!(
            self,
            "update deliveries set state = 'pending', attempts = 0, finished_at = null where id = $1",
            id,
        );
        Ok(())
    }

    /// Lists an assistant's deliveries, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_deliveries(
        &mut self,
        assistant: AssistantId,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let rows: Vec<Row> = fetch_all!(
            self,
            Row,
            "select * from deliveries where assistant_id = $1
             order by created_at desc, sequence desc, id desc limit $2",
            assistant,
            limit,
        );
        rows.into_iter().map(DeliveryRow::try_from).collect()
    }

    /// Deletes deliveries that finished before `before`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_deliveries(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from deliveries where finished_at < $1", before))
    }
}
