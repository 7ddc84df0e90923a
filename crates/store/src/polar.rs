//! Polar's webhooks: taken in at once, worked off in order.

use reef_domain::Timestamp;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all};

/// A webhook that waits to be worked off.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct InboxRow {
    /// Grows in the order of arrival.
    pub position: i64,
    /// Polar's id of the event.
    pub webhook_id: String,
    /// The raw body.
    pub body: String,
    /// When it arrived.
    pub received_at: Timestamp,
}

impl Tx {
    /// Takes a webhook in; `false` when its id was there already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn receive_polar(
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

    /// The oldest webhooks that are not worked off.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn open_polar(&mut self, limit: i64) -> Result<Vec<InboxRow>, StoreError> {
        Ok(fetch_all!(
            self,
            InboxRow,
            "select position, webhook_id, body, received_at from polar_inbox
             where processed_at is null order by position limit $1",
            limit,
        ))
    }

    /// Marks a webhook as worked off, with a word on what came of it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finish_polar(
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

    /// Forgets webhooks worked off before `before`; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_polar(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from polar_inbox where processed_at < $1", before))
    }
}
