//! A callback on its way to an endpoint.

use reef_domain::Timestamp;
use reef_domain::ids::DeliveryId;
use reef_domain::wire::{DeliveryState, EventKind};
use reef_store::DeliveryRow;
use serde::{Deserialize, Serialize};

/// A callback: one event on its way to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The `webhook-id` of all its attempts.
    pub id: DeliveryId,
    /// What the callback is about, as its body says.
    pub kind: EventKind,
    /// The sequence number of the event.
    pub sequence: i64,
    /// The callback URL at the time of the event.
    pub url: String,
    /// The body, byte for byte.
    pub payload: String,
    /// Whether it was delivered, or more attempts follow.
    pub state: DeliveryState,
    /// Attempts since the delivery was created or sent again.
    pub attempts: i64,
    /// The HTTP status of the last attempt, if it got one.
    pub last_status: Option<i64>,
    /// Why the last attempt failed, for customers to read.
    pub last_error: Option<String>,
    /// When the event occurred.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            sequence: row.sequence,
            url: row.url,
            payload: row.payload,
            state: row.state,
            attempts: row.attempts,
            last_status: row.last_status,
            last_error: row.last_error,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}
