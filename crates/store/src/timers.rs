//! Timers for what runs at intervals, in one process at a time.

use reef_domain::Timestamp;

use crate::error::StoreError;
use crate::tx::{Tx, execute};

impl Tx {
    /// Claims a timer that is due, and schedules it for `next`. If several processes try, one gets `true`. A new
    /// timer is first due at `first`.
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
