//! What assistants remember of their chats. A conversation outlives stops and redeployments.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all};

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct MessageRow {
    /// Either `user` or `assistant`.
    pub role: String,
    /// The text of the message.
    pub content: String,
}

impl Tx {
    /// Appends a message to a conversation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn append_message(
        &mut self,
        assistant: AssistantId,
        chat: i64,
        message: &MessageRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into conversation_messages (assistant_id, chat_id, position, role, content, created_at)
             values ($1, $2, (select coalesce(max(position), 0) + 1 from conversation_messages
                              where assistant_id = $1 and chat_id = $2), $3, $4, $5)",
            assistant,
            chat,
            &message.role,
            &message.content,
            now,
        );
        Ok(())
    }

    /// Lists the last `limit` messages of a conversation, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_recent_messages(
        &mut self,
        assistant: AssistantId,
        chat: i64,
        limit: i64,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let mut messages: Vec<MessageRow> = fetch_all!(
            self,
            MessageRow,
            "select role, content from conversation_messages where assistant_id = $1 and chat_id = $2
             order by position desc limit $3",
            assistant,
            chat,
            limit,
        );
        messages.reverse();
        Ok(messages)
    }

    /// Deletes the conversation of a chat.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_conversation(&mut self, assistant: AssistantId, chat: i64) -> Result<(), StoreError> {
        let sql = "delete from conversation_messages where assistant_id = $1 and chat_id = $2";
        execute!(self, sql, assistant, chat);
        Ok(())
    }

    /// Deletes all conversations of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_conversations(&mut self, assistant: AssistantId) -> Result<(), StoreError> {
        execute!(self, "delete from conversation_messages where assistant_id = $1", assistant);
        Ok(())
    }

    /// Deletes all but the last `keep` messages of a conversation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn trim_conversation(
        &mut self,
        assistant: AssistantId,
        chat: i64,
        keep: i64,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "delete from conversation_messages where assistant_id = $1 and chat_id = $2
               and position <= (select max(position) from conversation_messages
                                where assistant_id = $1 and chat_id = $2) - $3",
            assistant,
            chat,
            keep,
        );
        Ok(())
    }
}
