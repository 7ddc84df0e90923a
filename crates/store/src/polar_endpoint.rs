//! The state of Polar's webhook endpoint, and which process checks it next.

use reef_domain::Timestamp;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

impl Tx {
    /// Claims the check of Polar's webhook endpoint if it is due; the next one is due at `next`, for all processes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_endpoint_check(
        &mut self,
        now: Timestamp,
        next: Timestamp,
    ) -> Result<bool, StoreError> {
        let claimed = execute!(
            self,
            "update polar_state set endpoint_next_check_at = $2 where endpoint_next_check_at <= $1",
            now,
            next
        );
        Ok(claimed == 1)
    }

    /// Stores the status of Polar's webhook endpoint.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_endpoint_status(&mut self, status: &str) -> Result<(), StoreError> {
        execute!(self, "update polar_state set endpoint_status = $1", status);
        Ok(())
    }

    /// Finds the last known status of Polar's webhook endpoint; `None` before the first check.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_endpoint_status(&mut self) -> Result<Option<String>, StoreError> {
        let row: Option<(Option<String>,)> =
            fetch_optional!(self, (Option<String>,), "select endpoint_status from polar_state");
        Ok(row.and_then(|(status,)| status))
    }
}
