//! What is done every so often, by one process at a time.

use reef_domain::Timestamp;

use crate::error::StoreError;
use crate::tx::{Tx, execute};

impl Tx {
    /// Claims a timer that is due and sets when it is due next; of several processes one gets `true`. A timer
    /// that nobody has seen is due at `first`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_timer(
        &mut self,
        name: &str,
        now: Timestamp,
        first: Timestamp,
        next: Timestamp,
    ) -> Result<bool, StoreError> {
        execute!(
            self,
            "insert into timers (name, next_at) values ($1, $2) on conflict (name) do nothing",
            name,
            first
        );
        let claimed = execute!(
            self,
            "update timers set next_at = $3 where name = $1 and next_at <= $2",
            name,
            now,
            next
        );
        Ok(claimed == 1)
    }
}
