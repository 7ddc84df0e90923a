//! Deleting an assistant, and the tombstone that remains.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

impl Tx {
    /// Deletes an assistant and everything that belongs to it except the history that its owner may read. A tombstone
    /// keeps its id. `false` when there was no such assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_assistant(
        &mut self,
        id: AssistantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        execute!(self, "delete from conversation_messages where assistant_id = $1", id);
        execute!(self, "delete from bot_updates where assistant_id = $1", id);
        execute!(self, "delete from chat_migrations where assistant_id = $1", id);
        execute!(self, "delete from workers where assistant_id = $1", id);
        execute!(self, "delete from managed_credits where assistant_id = $1", id);
        execute!(self, "delete from managed_keys where assistant_id = $1", id);
        execute!(self, "delete from deployment_steps where assistant_id = $1", id);
        execute!(self, "delete from replaced_configurations where assistant_id = $1", id);
        execute!(self, "delete from assistant_settings where assistant_id = $1", id);
        execute!(self, "delete from settings_revisions where assistant_id = $1", id);
        execute!(self, "delete from people where assistant_id = $1", id);
        execute!(self, "delete from facts where assistant_id = $1", id);
        execute!(self, "delete from owner_links where assistant_id = $1", id);
        execute!(self, "delete from bot_groups where assistant_id = $1", id);
        execute!(self, "delete from owner_link_requirements where assistant_id = $1", id);
        execute!(self, "delete from turn_shares where assistant_id = $1", id);
        execute!(self, "delete from conversation_summaries where assistant_id = $1", id);
        execute!(self, "update payment_checks set assistant_deleted = true where assistant_id = $1", id);
        execute!(
            self,
            "insert into tombstones (assistant_id, user_id, deleted_at, ordered_at)
             values ($1, $2, $3, (select created_at from assistants
                                  where id = $1 and status = 'pending_payment' and payment_status = 'pending'))
             on conflict (assistant_id) do nothing",
            id,
            user,
            now,
        );
        self.invalidate(id);
        self.invalidate(user);
        Ok(execute!(self, "delete from assistants where id = $1", id) == 1)
    }

    /// Records that an assistant was deleted because Polar created no checkout for it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_checkout_failure(&mut self, id: AssistantId) -> Result<(), StoreError> {
        execute!(self, "update tombstones set checkout_failed = true where assistant_id = $1", id);
        Ok(())
    }

    /// Whether an assistant with this id has been deleted.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_assistant_deleted(&mut self, id: AssistantId) -> Result<bool, StoreError> {
        let row: Option<(i64,)> =
            fetch_optional!(self, (i64,), "select count(*) from tombstones where assistant_id = $1", id);
        Ok(row.is_some_and(|(count,)| count > 0))
    }
}
