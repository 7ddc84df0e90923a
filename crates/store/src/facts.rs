//! What conversations asked an assistant to remember.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, ConversationId, FactId};
use sqlx::FromRow;

use crate::conversations::ConversationKey;
use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all};

/// Something that a conversation asked to remember.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct FactRow {
    pub id: FactId,
    /// The same for all facts of a conversation.
    pub conversation_id: ConversationId,
    pub text: String,
    pub created_at: Timestamp,
}

/// A conversation that has facts.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct FactConversationRow {
    pub conversation_id: ConversationId,
    /// The chat at Telegram: that of a person, or a group.
    pub chat_id: i64,
    /// The topic; 0 outside topics.
    pub thread_id: i64,
    /// The name of the person, or the title of the group; `None` if neither is known any more.
    pub title: Option<String>,
}

impl Tx {
    /// Inserts a fact with a new conversation id, or with that of the facts which its conversation has.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_fact(
        &mut self,
        assistant: AssistantId,
        key: ConversationKey,
        fact: &FactRow,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into facts (id, assistant_id, conversation_id, chat_id, thread_id, text, created_at)
             values ($1, $2, coalesce((select conversation_id from facts
                                       where assistant_id = $2 and chat_id = $4 and thread_id = $5 limit 1), $3),
                     $4, $5, $6, $7)
             on conflict (id) do nothing",
            fact.id,
            assistant,
            fact.conversation_id,
            key.chat,
            key.thread,
            &fact.text,
            fact.created_at,
        );
        Ok(())
    }

    /// Lists up to `limit` facts of a conversation, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_conversation_facts(
        &mut self,
        assistant: AssistantId,
        key: ConversationKey,
        limit: i64,
    ) -> Result<Vec<FactRow>, StoreError> {
        Ok(fetch_all!(
            self,
            FactRow,
            "select id, conversation_id, text, created_at from facts
             where assistant_id = $1 and chat_id = $2 and thread_id = $3 order by created_at, id limit $4",
            assistant,
            key.chat,
            key.thread,
            limit,
        ))
    }

    /// Lists up to `limit` facts of all conversations of an assistant, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_facts(
        &mut self,
        assistant: AssistantId,
        limit: i64,
    ) -> Result<Vec<FactRow>, StoreError> {
        Ok(fetch_all!(
            self,
            FactRow,
            "select id, conversation_id, text, created_at from facts
             where assistant_id = $1 order by created_at desc, id desc limit $2",
            assistant,
            limit,
        ))
    }

    /// Lists up to `limit` conversations of an assistant that have facts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_fact_conversations(
        &mut self,
        assistant: AssistantId,
        limit: i64,
    ) -> Result<Vec<FactConversationRow>, StoreError> {
        Ok(fetch_all!(
            self,
            FactConversationRow,
            "select found.conversation_id, found.chat_id, found.thread_id, coalesce(people.name, bot_groups.title) as title
             from (select distinct conversation_id, chat_id, thread_id from facts where assistant_id = $1) as found
             left join people on people.assistant_id = $1 and people.telegram_user_id = found.chat_id
             left join bot_groups on bot_groups.assistant_id = $1 and bot_groups.chat_id = found.chat_id
             order by found.chat_id desc, found.thread_id limit $2",
            assistant,
            limit,
        ))
    }

    /// Replaces the text of a fact of an assistant; `false` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_fact(
        &mut self,
        assistant: AssistantId,
        id: FactId,
        text: &str,
    ) -> Result<bool, StoreError> {
        let sql = "update facts set text = $3 where assistant_id = $1 and id = $2";
        Ok(execute!(self, sql, assistant, id, text) == 1)
    }

    /// Deletes a fact of an assistant, also where its conversation repeats it word for word; `false` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_fact(&mut self, assistant: AssistantId, id: FactId) -> Result<bool, StoreError> {
        self.erase_fact_text(assistant, id).await?;
        Ok(execute!(self, "delete from facts where assistant_id = $1 and id = $2", assistant, id) == 1)
    }
}
