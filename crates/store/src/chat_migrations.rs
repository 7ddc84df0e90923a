//! Groups that became supergroups. Telegram gives them another id, and everything stored for the old id moves.

use reef_domain::ids::AssistantId;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

impl Tx {
    /// Moves the conversation and the open updates of a group to its supergroup, and records the new id. What the
    /// supergroup already has comes after what is moved. A second call changes nothing.
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
        // A summary that the new chat has by now is of newer messages, and stays. Positions move as those of the messages do.
        execute!(
            self,
            "delete from conversation_summaries where assistant_id = $1 and chat_id = $2
               and exists (select 1 from conversation_summaries newer
                           where newer.assistant_id = $1 and newer.chat_id = $3 and newer.thread_id = 0)",
            assistant,
            from,
            to,
        );
        execute!(
            self,
            "update conversation_summaries set chat_id = $3,
                    covered_until = covered_until - last_message.position + first_message.position - 1,
                    attempted_at = attempted_at - last_message.position + first_message.position - 1
             from (select coalesce(max(position), 0) as position from conversation_messages
                   where assistant_id = $1 and chat_id = $2) as last_message,
                  (select coalesce(min(position), 1) as position from conversation_messages
                   where assistant_id = $1 and chat_id = $3 and thread_id = 0) as first_message
             where assistant_id = $1 and chat_id = $2",
            assistant,
            from,
            to,
        );
        // Topics do not exist in the old chat. Positions only order messages: those of the old chat end directly before the first
        // one of the new chat.
        execute!(
            self,
            "update conversation_messages set chat_id = $3,
                    position = position
                        - (select max(position) from conversation_messages where assistant_id = $1 and chat_id = $2)
                        + (select coalesce(min(position), 1) from conversation_messages
                           where assistant_id = $1 and chat_id = $3 and thread_id = 0) - 1
             where assistant_id = $1 and chat_id = $2",
            assistant,
            from,
            to,
        );
        let moved = "update facts set chat_id = $3 where assistant_id = $1 and chat_id = $2";
        execute!(self, moved, assistant, from, to);
        execute!(
            self,
            "update bot_updates set chat_id = $3 where assistant_id = $1 and chat_id = $2 and done_at is null",
            assistant,
            from,
            to,
        );
        Ok(())
    }

    /// Finds the supergroup that a group became; `None` if it is still a group.
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

    /// Deletes the recorded migrations of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_chat_migrations(&mut self, assistant: AssistantId) -> Result<(), StoreError> {
        execute!(self, "delete from chat_migrations where assistant_id = $1", assistant);
        Ok(())
    }
}
