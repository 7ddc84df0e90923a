//! The conversations of the API: those with an assistant that are nobody's chat at Telegram.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, ConversationId};

use crate::conversations::ConversationKey;
use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// Chats at Telegram have ids of at most 52 bits, so none of them has this bit.
const API_BIT: i64 = 1 << 61;

/// How many conversations are pruned at once.
const PRUNED_MAX: i64 = 500;

/// Returns where the messages of a conversation are kept.
const fn key_of(id: ConversationId) -> ConversationKey {
    // The low half of a UUID of version 7 is random.
    ConversationKey::of_chat(API_BIT | (id.uuid().as_u128() as i64 & (API_BIT - 1)))
}

/// What came of claiming a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationClaim {
    /// It is claimed; its messages have this key.
    Claimed(ConversationKey),
    /// A question in it is being answered.
    Busy,
    /// The assistant has no such conversation.
    Unknown,
}

impl Tx {
    /// Begins a conversation, which is claimed until `until`. Returns the key of its messages.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_api_conversation(
        &mut self,
        assistant: AssistantId,
        id: ConversationId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<ConversationKey, StoreError> {
        let key = key_of(id);
        execute!(
            self,
            "insert into api_conversations (id, assistant_id, chat_id, answering_until, used_at) values ($1, $2, $3, $4, $5)",
            id,
            assistant,
            key.chat,
            until,
            now,
        );
        Ok(key)
    }

    /// Claims a conversation until `until`, unless a question in it is being answered.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_api_conversation(
        &mut self,
        assistant: AssistantId,
        id: ConversationId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<ConversationClaim, StoreError> {
        let claimed = execute!(
            self,
            "update api_conversations set answering_until = $4, used_at = $3
             where id = $1 and assistant_id = $2 and (answering_until is null or answering_until <= $3)",
            id,
            assistant,
            now,
            until,
        );
        if claimed == 1 {
            return Ok(ConversationClaim::Claimed(key_of(id)));
        }
        let sql = "select id from api_conversations where id = $1 and assistant_id = $2";
        let row: Option<(ConversationId,)> = fetch_optional!(self, (ConversationId,), sql, id, assistant);
        Ok(if row.is_some() { ConversationClaim::Busy } else { ConversationClaim::Unknown })
    }

    /// Ends the claim of a conversation that was claimed until `until`; `false` if it has passed to someone else.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_api_conversation(
        &mut self,
        id: ConversationId,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql =
            "update api_conversations set answering_until = null where id = $1 and answering_until = $2";
        Ok(execute!(self, sql, id, until) == 1)
    }

    /// Deletes a conversation in which nothing was ever answered.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_empty_api_conversation(&mut self, id: ConversationId) -> Result<(), StoreError> {
        execute!(
            self,
            "delete from api_conversations where id = $1 and not exists
               (select 1 from conversation_messages m
                where m.assistant_id = api_conversations.assistant_id and m.chat_id = api_conversations.chat_id)",
            id,
        );
        Ok(())
    }

    /// Deletes conversations that were last used before a moment, with what is remembered of them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_api_conversations(&mut self, before: Timestamp) -> Result<usize, StoreError> {
        let rows: Vec<(ConversationId, AssistantId, i64)> = fetch_all!(
            self,
            (ConversationId, AssistantId, i64),
            "select id, assistant_id, chat_id from api_conversations where used_at < $1 order by used_at limit $2",
            before,
            PRUNED_MAX,
        );
        for (id, assistant, chat) in &rows {
            self.delete_chat(*assistant, *chat).await?;
            execute!(self, "delete from api_conversations where id = $1", *id);
        }
        Ok(rows.len())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn no_chat_at_telegram_has_the_key_of_a_conversation() {
        for low in [0, 1, u128::from(u64::MAX), u128::from(u64::MAX) / 3] {
            let key = key_of(ConversationId::new(Uuid::from_u128(low)));
            assert!(key.chat >= API_BIT && key.thread == 0, "{key:?}");
        }
    }
}
