//! An assistant's timeline and delivery log, redelivery and test callbacks.

use reef_domain::Assistant;
use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, DeliveryId};
use reef_domain::input::Parsed;
use reef_domain::wire::{Scope, Status};
use reef_store::{DeliveryRow, DeliveryState, EventKind, EventRow, Tx};
use serde_json::json;

use crate::caller::Caller;
use crate::error::Error;
use crate::jobs::Job;
use crate::services::Services;

/// The most entries or deliveries in one answer.
pub const TIMELINE_MAX: i64 = 100;

/// An event of an assistant's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// The unique id of the event.
    pub id: String,
    /// Grows by one per event of an assistant.
    pub sequence: i64,
    /// The event type, such as `assistant.status_changed`.
    pub event_type: &'static str,
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
            id: row.id.to_string(),
            sequence: row.sequence,
            event_type: row.kind.as_str(),
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

    /// The newest [`TIMELINE_MAX`] deliveries of an assistant, newest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn list_deliveries(&self, caller: &Caller, id: &str) -> Result<Vec<DeliveryRow>, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        Ok(tx.list_deliveries(assistant.id, TIMELINE_MAX).await?)
    }

    /// Sends a callback again now, with the same `webhook-id` and body. Its retry schedule starts over.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the write scope; [`Error::NotFound`], also for a delivery of another assistant;
    /// [`Error::RateLimited`] after too many redeliveries of the account within a minute.
    pub async fn redeliver(
        &self,
        caller: &Caller,
        id: &str,
        delivery: &str,
        body: Parsed<()>,
    ) -> Result<DeliveryRow, Error> {
        let assistant = self.authorize_assistant(caller, Scope::Write, id).await?;
        let delivery_id = DeliveryId::parse(delivery).ok_or(Error::NotFound)?;
        body.map_err(Error::InvalidRequest)?;
        self.require_resend_quota(assistant.user_id).await?;
        let mut work = self.unit_of_work().await?;
        let found = work.tx.find_delivery(delivery_id).await?;
        found.filter(|row| row.assistant_id == assistant.id).ok_or(Error::NotFound)?;
        work.tx.reopen_delivery(delivery_id).await?;
        work.enqueue_for(assistant.user_id, Job::Callback { delivery_id }).await?;
        work.record_change(&assistant);
        let row = work.tx.find_delivery(delivery_id).await?.ok_or(Error::NotFound)?;
        work.commit().await?;
        Ok(row)
    }

    /// Sends a callback of type `assistant.test` with the current status to the assistant's callback URL.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the write scope, [`Error::NotFound`], [`Error::RateLimited`] as for
    /// [`Self::redeliver`], [`Error::InvalidState`] when the assistant has no callback URL.
    pub async fn send_test_callback(
        &self,
        caller: &Caller,
        id: &str,
        body: Parsed<()>,
    ) -> Result<DeliveryRow, Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        body.map_err(Error::InvalidRequest)?;
        self.require_resend_quota(found.user_id).await?;
        let mut work = self.unit_of_work().await?;
        let a = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        let Some(url) = a.config.callback_url.clone() else {
            return Err(Error::InvalidState {
                message: "This assistant has no callback URL. Redeploy it with one to send a test.",
                current: a.state.status(),
                allowed: &[Status::Deploying, Status::Active, Status::Failed, Status::Stopped],
            });
        };
        let delivery_id = DeliveryId::new(self.new_uuid());
        let row = DeliveryRow {
            id: delivery_id,
            assistant_id: a.id,
            user_id: a.user_id,
            sequence: a.sequence,
            url,
            payload: test_payload(&a, work.now),
            state: DeliveryState::Pending,
            attempts: 0,
            last_status: None,
            last_error: None,
            created_at: work.now,
            finished_at: None,
        };
        work.tx.insert_delivery(&row).await?;
        work.enqueue_for(a.user_id, Job::Callback { delivery_id }).await?;
        work.record_change(&a);
        work.commit().await?;
        Ok(row)
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

fn test_payload(a: &Assistant, now: Timestamp) -> String {
    json!({
        "type": "assistant.test",
        "timestamp": now,
        "data": {
            "id": a.id.to_string(),
            "status": a.state.status(),
            "statusMessage": a.status_message(),
            "workerUrl": a.state.worker_url(),
            "previousStatus": a.state.status(),
            "sequence": a.sequence,
        },
    })
    .to_string()
}

/// The event type in the body of a delivery.
#[must_use]
pub fn event_type_of(row: &DeliveryRow) -> String {
    let body: serde_json::Value = serde_json::from_str(&row.payload).unwrap_or_default();
    body["type"].as_str().unwrap_or(EventKind::StatusChanged.as_str()).to_owned()
}
