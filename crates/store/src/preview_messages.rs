//! The messages that show answers while they are written.

use reef_domain::ids::UpdateRowId;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{Tx, execute};

impl Tx {
    /// Stores which message shows the answer while it is written; `false` when another process has the lease.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_preview_message(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        message_id: i64,
    ) -> Result<bool, StoreError> {
        let updated = execute!(
            self,
            "update bot_updates set preview_message_id = $3
             where id = $1 and lease_token = $2 and done_at is null",
            id,
            token,
            message_id,
        );
        Ok(updated == 1)
    }
}
