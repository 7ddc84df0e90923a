//! What happened in conversations before their recent messages: a running summary of each.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, FactId};
use sqlx::FromRow;

use crate::conversations::ConversationKey;
use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// The summary of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct SummaryRow {
    /// Empty until the first one was written.
    pub summary: String,
    /// The position of the last message that it covers.
    pub covered_until: i64,
    /// The position of the last message when a summary was last requested.
    pub attempted_at: i64,
    pub updated_at: Timestamp,
}

/// A stored message that the summary does not cover yet.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct UncoveredRow {
    pub position: i64,
    /// Either `user` or `assistant`.
    pub role: String,
    pub content: String,
}

/// How many messages the summary of a conversation does not cover, and how long they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct SummaryBacklog {
    /// The number of messages.
    pub messages: i64,
    /// Their characters, those of a long message up to the limit.
    pub chars: i64,
}

/// A text that is shorter is part of too many others to be erased wherever it occurs, in characters.
const ERASED_CHARS_MIN: usize = 8;

impl Tx {
    /// Finds the summary of a conversation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_summary(
        &mut self,
        assistant: AssistantId,
        key: ConversationKey,
    ) -> Result<Option<SummaryRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            SummaryRow,
            "select summary, covered_until, attempted_at, updated_at from conversation_summaries
             where assistant_id = $1 and chat_id = $2 and thread_id = $3",
            assistant,
            key.chat,
            key.thread,
        ))
    }

    /// Measures what the summary of a conversation does not cover. A message counts with at most `message_chars_max` characters.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn get_summary_backlog(
        &mut self,
        assistant: AssistantId,
        key: ConversationKey,
        message_chars_max: i64,
    ) -> Result<SummaryBacklog, StoreError> {
        let row: Option<SummaryBacklog> = fetch_optional!(
            self,
            SummaryBacklog,
            "select count(*) as messages,
                    cast(coalesce(sum(case when length(content) > $4 then $4 else length(content) end), 0) as bigint) as chars
             from conversation_messages where assistant_id = $1 and chat_id = $2 and thread_id = $3
               and position > coalesce((select covered_until from conversation_summaries
                                        where assistant_id = $1 and chat_id = $2 and thread_id = $3),
                                       -9000000000000000000)",
            assistant,
            key.chat,
            key.thread,
            message_chars_max,
        );
        Ok(row.unwrap_or_default())
    }

    /// Lists up to `limit` messages that the summary of a conversation does not cover, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_uncovered_messages(
        &mut self,
        assistant: AssistantId,
        key: ConversationKey,
        limit: i64,
    ) -> Result<Vec<UncoveredRow>, StoreError> {
        Ok(fetch_all!(
            self,
            UncoveredRow,
            "select position, role, content from conversation_messages
             where assistant_id = $1 and chat_id = $2 and thread_id = $3
               and position > coalesce((select covered_until from conversation_summaries
                                        where assistant_id = $1 and chat_id = $2 and thread_id = $3),
                                       -9000000000000000000)
             order by position limit $4",
            assistant,
            key.chat,
            key.thread,
            limit,
        ))
    }

    /// Records that a summary is requested, which covers the messages after `covered_until`. `false` if one was requested when the
    /// conversation had less than `every` messages fewer.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_summary(
        &mut self,
        assistant: AssistantId,
        key: ConversationKey,
        attempt: &SummaryRow,
        every: i64,
    ) -> Result<bool, StoreError> {
        let claimed = execute!(
            self,
            "insert into conversation_summaries
                 (assistant_id, chat_id, thread_id, summary, covered_until, attempted_at, updated_at)
             values ($1, $2, $3, '', $4, $5, $6)
             on conflict (assistant_id, chat_id, thread_id) do update
             set attempted_at = excluded.attempted_at, updated_at = excluded.updated_at
             where conversation_summaries.attempted_at + $7 <= excluded.attempted_at",
            assistant,
            key.chat,
            key.thread,
            attempt.covered_until,
            attempt.attempted_at,
            attempt.updated_at,
            every,
        );
        Ok(claimed == 1)
    }

    /// Stores the summary that was requested with `attempt`, which now covers the messages until `covered_until`. `false` if
    /// another one was requested since, or the conversation was deleted or moved.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_summary(
        &mut self,
        assistant: AssistantId,
        key: ConversationKey,
        attempt: &SummaryRow,
        summary: &str,
        covered_until: i64,
    ) -> Result<bool, StoreError> {
        let saved = execute!(
            self,
            "update conversation_summaries set summary = $4, covered_until = $5
             where assistant_id = $1 and chat_id = $2 and thread_id = $3 and covered_until = $6 and attempted_at = $7
               and updated_at = $8",
            assistant,
            key.chat,
            key.thread,
            summary,
            covered_until,
            attempt.covered_until,
            attempt.attempted_at,
            attempt.updated_at,
        );
        Ok(saved == 1)
    }

    /// Erases the text of a fact wherever its conversation repeats it word for word: the summary is deleted, and what is stored of
    /// a message is replaced. A text of a few characters stays, because it is part of many others.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) async fn erase_fact_text(
        &mut self,
        assistant: AssistantId,
        id: FactId,
    ) -> Result<(), StoreError> {
        let fact: Option<(i64, i64, String)> = fetch_optional!(
            self,
            (i64, i64, String),
            "select chat_id, thread_id, text from facts where assistant_id = $1 and id = $2",
            assistant,
            id,
        );
        let Some((chat, thread, text)) = fact.filter(|(_, _, text)| text.chars().count() >= ERASED_CHARS_MIN)
        else {
            return Ok(());
        };
        execute!(
            self,
            "delete from conversation_summaries where assistant_id = $1 and chat_id = $2 and thread_id = $3
               and replace(lower(summary), lower($4), '') <> lower(summary)",
            assistant,
            chat,
            thread,
            &text,
        );
        execute!(
            self,
            "update conversation_messages set content = '[forgotten]'
             where assistant_id = $1 and chat_id = $2 and thread_id = $3
               and replace(lower(content), lower($4), '') <> lower(content)",
            assistant,
            chat,
            thread,
            &text,
        );
        Ok(())
    }
}
