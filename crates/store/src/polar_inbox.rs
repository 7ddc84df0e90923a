//! The inbox of Polar's webhooks: stored as they arrive, processed in order.

use reef_domain::Timestamp;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all};

/// A webhook that is not processed yet.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct PolarInboxRow {
    /// Grows in the order of arrival.
    pub position: i64,
    /// Polar's id of the event.
    pub webhook_id: String,
    /// The body as it arrived.
    pub body: String,
    pub received_at: Timestamp,
}

impl Tx {
    /// Stores a webhook; `false` when its id was stored before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_polar_webhook(
        &mut self,
        webhook_id: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let added = execute!(
            self,
            "insert into polar_inbox (webhook_id, body, received_at) values ($1, $2, $3)
             on conflict (webhook_id) do nothing",
            webhook_id,
            body,
            now,
        );
        Ok(added == 1)
    }

    /// Lists the oldest webhooks that are not processed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_open_polar_webhooks(&mut self, limit: i64) -> Result<Vec<PolarInboxRow>, StoreError> {
        Ok(fetch_all!(
            self,
            PolarInboxRow,
            "select position, webhook_id, body, received_at from polar_inbox
             where processed_at is null order by position limit $1",
            limit,
        ))
    }

    /// Marks a webhook as processed, with a word on the outcome.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finish_polar_webhook(
        &mut self,
        position: i64,
        outcome: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update polar_inbox set processed_at = $2, outcome = $3 where position = $1",
            position,
            now,
            outcome,
        );
        Ok(())
    }

    /// Deletes webhooks that were processed before `before`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_polar_webhooks(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from polar_inbox where processed_at < $1", before))
    }
}
