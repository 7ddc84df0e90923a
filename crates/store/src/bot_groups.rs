//! The groups that an assistant is in, and who added it.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// A group that an assistant is in.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct BotGroupRow {
    pub chat_id: i64,
    pub title: String,
    /// The Telegram user who added the bot; `None` if that is not known.
    pub added_by: Option<i64>,
    /// Whether it was approved on the page of the assistant.
    pub is_approved: bool,
    pub first_seen_at: Timestamp,
}

/// An assistant is in at most as many groups as its page lists.
const GROUPS_MAX: i64 = 200;

impl Tx {
    /// Finds a group of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_bot_group(
        &mut self,
        assistant: AssistantId,
        chat: i64,
    ) -> Result<Option<BotGroupRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            BotGroupRow,
            "select chat_id, title, added_by, is_approved, first_seen_at from bot_groups
             where assistant_id = $1 and chat_id = $2",
            assistant,
            chat,
        ))
    }

    /// Stores a group. Who added the bot is replaced if it is known now; the approval stays.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_bot_group(
        &mut self,
        assistant: AssistantId,
        group: &BotGroupRow,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into bot_groups (assistant_id, chat_id, title, added_by, is_approved, first_seen_at)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (assistant_id, chat_id) do update set title = excluded.title,
               added_by = coalesce(excluded.added_by, bot_groups.added_by)",
            assistant,
            group.chat_id,
            &group.title,
            group.added_by,
            group.is_approved,
            group.first_seen_at,
        );
        Ok(())
    }

    /// Sets whether a group is approved; `false` if the assistant is not in it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_bot_group_approval(
        &mut self,
        assistant: AssistantId,
        chat: i64,
        is_approved: bool,
    ) -> Result<bool, StoreError> {
        let sql = "update bot_groups set is_approved = $3 where assistant_id = $1 and chat_id = $2";
        Ok(execute!(self, sql, assistant, chat, is_approved) == 1)
    }

    /// Deletes a group that the bot has left.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_bot_group(&mut self, assistant: AssistantId, chat: i64) -> Result<(), StoreError> {
        execute!(self, "delete from bot_groups where assistant_id = $1 and chat_id = $2", assistant, chat);
        Ok(())
    }

    /// Lists the groups of an assistant, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_bot_groups(&mut self, assistant: AssistantId) -> Result<Vec<BotGroupRow>, StoreError> {
        Ok(fetch_all!(
            self,
            BotGroupRow,
            "select chat_id, title, added_by, is_approved, first_seen_at from bot_groups
             where assistant_id = $1 order by first_seen_at desc, chat_id limit $2",
            assistant,
            GROUPS_MAX,
        ))
    }
}
