//! The delivery log as an owner sees it: each callback with all its tries and when the next one comes.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_store::{AttemptRow, DeliveryRow, DeliveryState, Tx};

use super::timeline::callback_type;
use crate::error::Error;
use crate::jobs::Job;

/// How many of the newest callbacks are shown on an assistant's page.
pub const CALLBACKS_SHOWN: i64 = 20;

/// A callback over all its tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The delivery.
    pub delivery: DeliveryRow,
    /// The type that its body names.
    pub kind: String,
    /// When it is tried next; not after the present moment when that is now. `None` when it is not tried any more.
    pub next_try: Option<Timestamp>,
    /// Its tries, newest first; those before a redelivery too.
    pub tries: Vec<AttemptRow>,
}

/// An assistant's newest callbacks, newest first, at most `shown`.
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
