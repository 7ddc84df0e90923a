//! What assistants remember of their chats. A conversation outlives stops and redeployments.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all};

/// A conversation of an assistant: that of a chat, or of one topic of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConversationKey {
    /// The chat at Telegram.
    pub chat: i64,
    /// The topic; 0 outside topics.
    pub thread: i64,
}

impl ConversationKey {
    /// The conversation of a chat outside topics.
    #[must_use]
    pub const fn of_chat(chat: i64) -> Self {
        Self { chat, thread: 0 }
    }
}

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
        conversation: ConversationKey,
        message: &MessageRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // The last one by index, because PostgreSQL may read all messages for a maximum.
        execute!(
            self,
            "insert into conversation_messages (assistant_id, chat_id, thread_id, position, role, content, created_at)
             values ($1, $2, $3, coalesce((select position from conversation_messages
                                           where assistant_id = $1 and chat_id = $2 and thread_id = $3
                                           order by position desc limit 1), 0) + 1, $4, $5, $6)",
            assistant,
            conversation.chat,
            conversation.thread,
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
        conversation: ConversationKey,
        limit: i64,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let mut messages: Vec<MessageRow> = fetch_all!(
            self,
            MessageRow,
            "select role, content from conversation_messages
             where assistant_id = $1 and chat_id = $2 and thread_id = $3 order by position desc limit $4",
            assistant,
            conversation.chat,
            conversation.thread,
            limit,
        );
        messages.reverse();
        Ok(messages)
    }

    /// Deletes a conversation and its summary. Its facts stay.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_conversation(
        &mut self,
        assistant: AssistantId,
        conversation: ConversationKey,
    ) -> Result<(), StoreError> {
        let sql =
            "delete from conversation_messages where assistant_id = $1 and chat_id = $2 and thread_id = $3";
        execute!(self, sql, assistant, conversation.chat, conversation.thread);
        let sql =
            "delete from conversation_summaries where assistant_id = $1 and chat_id = $2 and thread_id = $3";
        execute!(self, sql, assistant, conversation.chat, conversation.thread);
        Ok(())
    }

    /// Deletes all conversations of a chat, their summaries and their facts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_chat(&mut self, assistant: AssistantId, chat: i64) -> Result<(), StoreError> {
        execute!(self, "delete from facts where assistant_id = $1 and chat_id = $2", assistant, chat);
        let sql = "delete from conversation_summaries where assistant_id = $1 and chat_id = $2";
        execute!(self, sql, assistant, chat);
        let sql = "delete from conversation_messages where assistant_id = $1 and chat_id = $2";
        execute!(self, sql, assistant, chat);
        Ok(())
    }

    /// Deletes all conversations of an assistant and their summaries.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_conversations(&mut self, assistant: AssistantId) -> Result<(), StoreError> {
        execute!(self, "delete from conversation_messages where assistant_id = $1", assistant);
        execute!(self, "delete from conversation_summaries where assistant_id = $1", assistant);
        Ok(())
    }

    /// Deletes all but the last `keep` messages of a conversation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn trim_conversation(
        &mut self,
        assistant: AssistantId,
        conversation: ConversationKey,
        keep: i64,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "delete from conversation_messages where assistant_id = $1 and chat_id = $2 and thread_id = $3
               and position <= (select max(position) from conversation_messages
                                where assistant_id = $1 and chat_id = $2 and thread_id = $3) - $4",
            assistant,
            conversation.chat,
            conversation.thread,
            keep,
        );
        Ok(())
    }
}
