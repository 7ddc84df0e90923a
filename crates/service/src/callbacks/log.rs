//! The delivery log of an assistant: each callback with its attempts and the time of the next one.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_domain::wire::Scope;
use reef_jobs::Job as _;
use reef_store::{AttemptRow, DeliveryRow, DeliveryState, EventKind, Tx};

use crate::callbacks::deliver::DeliverCallback;
use crate::caller::Caller;
use crate::error::Error;
use crate::events::TIMELINE_MAX;
use crate::services::Services;

/// How many of the newest deliveries an assistant's page shows.
pub const DELIVERIES_PREVIEW: i64 = 20;

/// A delivery with its attempts, as the dashboard shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDelivery {
    /// The stored delivery, with its state and the outcome of its last attempt.
    pub delivery: DeliveryRow,
    /// The event type in the body, such as `assistant.status_changed`.
    pub event_type: String,
    /// When the next attempt is due, which may be in the past while it runs; `None` when there is none.
    pub next_attempt_at: Option<Timestamp>,
    /// Newest first, including the attempts before a redelivery.
    pub attempts: Vec<AttemptRow>,
}

impl Services {
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
}

/// The newest deliveries of an assistant with their attempts.
pub(crate) async fn list_logged_deliveries(
    tx: &mut Tx,
    id: AssistantId,
    limit: i64,
) -> Result<Vec<LoggedDelivery>, Error> {
    let deliveries = tx.list_deliveries(id, limit).await?;
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    let attempts = tx.list_delivery_attempts(id, limit).await?;
    let mut callbacks = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let next_attempt_at = if delivery.state == DeliveryState::Pending {
            tx.find_job_run_at(&DeliverCallback { delivery_id: delivery.id }.dedup_key()).await?
        } else {
            None
        };
        callbacks.push(LoggedDelivery {
            event_type: event_type_of(&delivery),
            next_attempt_at,
            attempts: attempts.iter().filter(|attempt| attempt.delivery_id == delivery.id).cloned().collect(),
            delivery,
        });
    }
    Ok(callbacks)
}

/// The event type in the body of a delivery.
#[must_use]
pub fn event_type_of(row: &DeliveryRow) -> String {
    let body: serde_json::Value = serde_json::from_str(&row.payload).unwrap_or_default();
    body["type"].as_str().unwrap_or(EventKind::StatusChanged.as_str()).to_owned()
}
