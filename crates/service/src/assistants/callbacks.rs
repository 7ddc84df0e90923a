//! The delivery log of an assistant: each callback with its attempts and the time of the next one.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_store::{AttemptRow, DeliveryRow, DeliveryState, Tx};

use super::timeline::callback_type;
use crate::error::Error;
use crate::jobs::Job;

/// How many of the newest deliveries an assistant's page shows.
pub const CALLBACKS_SHOWN: i64 = 20;

/// A delivery with its attempts, as the dashboard shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The stored delivery, with its state and the outcome of its last attempt.
    pub delivery: DeliveryRow,
    /// The event type in the body, such as `assistant.status_changed`.
    pub kind: String,
    /// When the next attempt is due, which may be in the past while it runs; `None` when there is none.
    pub next_try: Option<Timestamp>,
    /// Newest first, including the attempts before a redelivery.
    pub tries: Vec<AttemptRow>,
}

pub(super) async fn callbacks_in(tx: &mut Tx, id: AssistantId, shown: i64) -> Result<Vec<Callback>, Error> {
    let deliveries = tx.deliveries_of(id, shown).await?;
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    let tries = tx.attempts_of(id, shown).await?;
    let mut callbacks = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let next_try = if delivery.state == DeliveryState::Pending {
            tx.job_due(&Job::Callback { delivery_id: delivery.id }.dedup_key()).await?
        } else {
            None
        };
        callbacks.push(Callback {
            kind: callback_type(&delivery),
            next_try,
            tries: tries.iter().filter(|tried| tried.delivery_id == delivery.id).cloned().collect(),
            delivery,
        });
    }
    Ok(callbacks)
}
