//! Groups that became supergroups: Telegram gives them another id, and everything about the old one moves.

use reef_domain::ids::AssistantId;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

impl Tx {
    /// Moves the memory and the waiting updates of a group to its supergroup, and records the new id. Memory of the
    /// supergroup stays behind what was said before the migration. Calling it again moves nothing twice.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn migrate_chat(
        &mut self,
        assistant: AssistantId,
        from: i64,
        to: i64,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into chat_migrations (assistant_id, chat_id, migrated_to) values ($1, $2, $3)
             on conflict (assistant_id, chat_id) do nothing",
            assistant,
            from,
            to,
        );
        // Positions only order what was said: those of the old chat end right before the first of the new one.
        execute!(
            self,
            "update conversation_messages set chat_id = $3,
                    position = position
                        - (select max(position) from conversation_messages where assistant_id = $1 and chat_id = $2)
                        + (select coalesce(min(position), 1) from conversation_messages
                           where assistant_id = $1 and chat_id = $3) - 1
             where assistant_id = $1 and chat_id = $2",
            assistant,
            from,
            to,
        );
        execute!(
            self,
            "update bot_updates set chat_id = $3 where assistant_id = $1 and chat_id = $2 and done_at is null",
            assistant,
            from,
            to,
        );
        Ok(())
    }

    /// The supergroup that a group became; `None` if it is still a group.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_supergroup(
        &mut self,
        assistant: AssistantId,
        chat: i64,
    ) -> Result<Option<i64>, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select migrated_to from chat_migrations where assistant_id = $1 and chat_id = $2",
            assistant,
            chat,
        );
        Ok(row.map(|(id,)| id))
    }

    /// Deletes what is recorded of an assistant's supergroups.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_chat_migrations(&mut self, assistant: AssistantId) -> Result<(), StoreError> {
        execute!(self, "delete from chat_migrations where assistant_id = $1", assistant);
        Ok(())
    }
}
