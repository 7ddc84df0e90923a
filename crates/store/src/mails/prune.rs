//! Deleting mails that are past their retention.

use reef_domain::Timestamp;

use crate::error::StoreError;
use crate::tx::{Tx, execute};

impl Tx {
    /// Deletes tokens that have expired at `now`, sealed tokens in mails from before `sealed_before`, and mails from
    /// before `before`; returns how many mails.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_mails(
        &mut self,
        now: Timestamp,
        sealed_before: Timestamp,
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        execute!(self, "delete from mail_tokens where expires_at <= $1", now);
        let sql = "update mails set token = null where token is not null and created_at < $1";
        execute!(self, sql, sealed_before);
        Ok(execute!(self, "delete from mails where created_at < $1", before))
    }
}
