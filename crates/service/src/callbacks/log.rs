//! The delivery log of an assistant: each callback with its attempts and the time of the next one.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_domain::wire::{DeliveryState, Scope};
use reef_jobs::Job as _;
use reef_store::{AttemptRow, Tx};

use crate::callbacks::deliver::DeliverCallback;
use crate::callbacks::delivery::Delivery;
use crate::caller::Caller;
use crate::error::Error;
use crate::events::TIMELINE_MAX;
use crate::services::Services;

/// How many of the newest deliveries an assistant's page shows.
pub const DELIVERIES_PREVIEW: i64 = 20;

/// One attempt to send a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// Counted from 1; continues when the delivery is sent again.
    pub number: i64,
    /// When the request was sent.
    pub started_at: Timestamp,
    /// How long the request took, in milliseconds.
    pub duration_ms: i64,
    /// The HTTP status, if there was one.
    pub status: Option<i64>,
    /// Why the attempt failed, for customers to read.
    pub error: Option<String>,
}

impl From<&AttemptRow> for DeliveryAttempt {
    fn from(row: &AttemptRow) -> Self {
        Self {
            number: row.number,
            started_at: row.started_at,
            duration_ms: row.duration_ms,
            status: row.status,
            error: row.error.clone(),
        }
    }
}

/// A delivery with its attempts, as the dashboard shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDelivery {
    /// The delivery, with its state and the outcome of its last attempt.
    pub delivery: Delivery,
    /// When the next attempt is due, which may be in the past while it runs; `None` when there is none.
    pub next_attempt_at: Option<Timestamp>,
    /// Newest first, including the attempts before a redelivery.
    pub attempts: Vec<DeliveryAttempt>,
}

impl Services {
    /// The newest [`TIMELINE_MAX`] deliveries of an assistant, newest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn list_deliveries(&self, caller: &Caller, id: &str) -> Result<Vec<Delivery>, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let found = tx.list_deliveries(assistant.id, TIMELINE_MAX).await?;
        Ok(found.into_iter().map(Delivery::from).collect())
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
        let own_attempts = attempts.iter().filter(|attempt| attempt.delivery_id == delivery.id);
        callbacks.push(LoggedDelivery {
            next_attempt_at,
            attempts: own_attempts.map(DeliveryAttempt::from).collect(),
            delivery: delivery.into(),
        });
    }
    Ok(callbacks)
}
