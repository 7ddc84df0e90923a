//! The updates that bots received. They are stored as they arrive and answered one at a time per chat.
//!
//! The oldest open update of a chat is the head of that chat, and a lease on the head is a lease on the chat. Every
//! later write of the holder is refused once another process holds the lease.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UpdateRowId};
use sqlx::FromRow;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// An update to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct NewBotUpdate {
    pub id: UpdateRowId,
    pub assistant_id: AssistantId,
    /// Telegram's id of the bot: an assistant may be given another bot.
    pub bot_id: i64,
    /// Telegram's number of the update, unique within one bot.
    pub update_id: i64,
    pub chat_id: i64,
    /// The update as Telegram sent it, as JSON.
    pub body: String,
    /// The album that the message is a part of.
    pub media_group_id: Option<String>,
    /// When it may be attempted first; at once if `None`.
    pub not_before: Option<Timestamp>,
}

/// An update that this process holds a lease on.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct BotUpdateRow {
    pub id: UpdateRowId,
    pub assistant_id: AssistantId,
    pub bot_id: i64,
    /// Telegram's number of the update, unique within one bot.
    pub update_id: i64,
    pub chat_id: i64,
    /// The update as Telegram sent it, as JSON.
    pub body: String,
    /// The saved answer, as JSON.
    pub answer: Option<String>,
    /// How many parts of the answer have been sent.
    pub sent_parts: i64,
    /// How often it was claimed, including this time.
    pub attempts: i64,
    pub received_at: Timestamp,
    pub preview_message_id: Option<i64>,
}

impl Tx {
    /// Stores an update; `false` when it was stored before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_bot_update(
        &mut self,
        update: &NewBotUpdate,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let added = execute!(
            self,
            "insert into bot_updates
                 (id, assistant_id, bot_id, update_id, chat_id, body, sent_parts, attempts, received_at,
                  media_group_id, lease_until)
             values ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8, $9)
             on conflict (assistant_id, bot_id, update_id) do nothing",
            update.id,
            update.assistant_id,
            update.bot_id,
            update.update_id,
            update.chat_id,
            &update.body,
            now,
            &update.media_group_id,
            update.not_before,
        );
        Ok(added == 1)
    }

    /// Counts the updates of an assistant that are not done.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_open_bot_updates(&mut self, assistant: AssistantId) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from bot_updates where assistant_id = $1 and done_at is null",
            assistant,
        );
        Ok(row.map_or(0, |(count,)| count))
    }

    /// Leases the head of a chat to the holder of `token` until `until`, and counts the attempt. `None` when no update
    /// is open, another process has the lease, or the head may not be attempted yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_bot_update(
        &mut self,
        assistant: AssistantId,
        chat: i64,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<BotUpdateRow>, StoreError> {
        // PostgreSQL evaluates the first condition on the lease again after it has waited for another transaction. The
        // second one is for an update that arrived after one of its chat with a higher number.
        Ok(fetch_optional!(
            self,
            BotUpdateRow,
            "update bot_updates set attempts = attempts + 1, lease_token = $3, lease_until = $5
             where id = (select id from bot_updates where assistant_id = $1 and chat_id = $2 and done_at is null
                         order by update_id, id limit 1)
               and done_at is null and (lease_until is null or lease_until <= $4)
               and not exists (select 1 from bot_updates where assistant_id = $1 and chat_id = $2
                               and done_at is null and lease_until > $4)
             returning id, assistant_id, bot_id, update_id, chat_id, body, answer, sent_parts, attempts, received_at, preview_message_id",
            assistant,
            chat,
            token,
            now,
            until,
        ))
    }

    /// Extends a lease; `false` when another process has it, or when the worker belongs to another run.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn renew_bot_update_lease(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        generation: i64,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let renewed = execute!(
            self,
            "update bot_updates set lease_until = $4 where id = $1 and lease_token = $2 and done_at is null
               and exists (select 1 from workers where workers.assistant_id = bot_updates.assistant_id
                           and workers.generation = $3)",
            id,
            token,
            generation,
            until,
        );
        Ok(renewed == 1)
    }

    /// Replaces a saved answer; the number of parts that count as sent stays. `false` when another process has the
    /// lease.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_answer(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        answer: &str,
    ) -> Result<bool, StoreError> {
        let replaced = execute!(
            self,
            "update bot_updates set answer = $3
             where id = $1 and lease_token = $2 and answer is not null and done_at is null",
            id,
            token,
            answer,
        );
        Ok(replaced == 1)
    }

    /// Saves an answer before any part of it is sent; `false` when one is saved already, or when another process has
    /// the lease.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_answer(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        answer: &str,
    ) -> Result<bool, StoreError> {
        let saved = execute!(
            self,
            "update bot_updates set answer = $3, sent_parts = 0
             where id = $1 and lease_token = $2 and answer is null and done_at is null",
            id,
            token,
            answer,
        );
        Ok(saved == 1)
    }

    /// Stores how many parts of the answer have been sent; `false` when another process has the lease.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_sent_parts(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        sent: i64,
    ) -> Result<bool, StoreError> {
        let updated = execute!(
            self,
            "update bot_updates set sent_parts = $3 where id = $1 and lease_token = $2",
            id,
            token,
            sent
        );
        Ok(updated == 1)
    }

    /// Stores that all parts of the answer have been sent, and finishes the update as [`Self::finish_bot_update`] does.
    /// `false` when another process has the lease.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finish_answered_update(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        sent: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let finished = execute!(
            self,
            "update bot_updates
             set sent_parts = $3, done_at = $4, body = '', answer = null, lease_token = null, lease_until = null
             where id = $1 and lease_token = $2",
            id,
            token,
            sent,
            now,
        );
        Ok(finished == 1)
    }

    /// Finishes an update. The row stays for a while, so that a repeated update is recognized; its text is deleted.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finish_bot_update(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update bot_updates set done_at = $3, body = '', answer = null, lease_token = null, lease_until = null
             where id = $1 and lease_token = $2",
            id,
            token,
            now,
        );
        Ok(())
    }

    /// Releases an update that failed. No update of its chat is attempted before `until`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn retry_bot_update(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update bot_updates set lease_token = null, lease_until = $3 where id = $1 and lease_token = $2",
            id,
            token,
            until,
        );
        Ok(())
    }

    /// Releases an update without counting the attempt, because Telegram asked to wait. No update of its chat is
    /// attempted before `until`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn postpone_bot_update(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update bot_updates set lease_token = null, lease_until = $3, attempts = attempts - 1
             where id = $1 and lease_token = $2",
            id,
            token,
            until,
        );
        Ok(())
    }

    /// Releases an update without counting the attempt, because this process stops.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_bot_update(&mut self, id: UpdateRowId, token: Uuid) -> Result<(), StoreError> {
        execute!(
            self,
            "update bot_updates set lease_token = null, lease_until = null, attempts = attempts - 1
             where id = $1 and lease_token = $2",
            id,
            token,
        );
        Ok(())
    }

    /// Releases every lease that the holder of `token` does not have; returns how many. Only for the one process of a
    /// database, when it starts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_other_bot_update_leases(&mut self, token: Uuid) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "update bot_updates set lease_token = null, lease_until = null
             where done_at is null and lease_token is not null and lease_token <> $1",
            token,
        ))
    }

    /// Finishes all open updates of a bot without answering them; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn discard_updates_of_bot(
        &mut self,
        assistant: AssistantId,
        bot: i64,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "update bot_updates set done_at = $3, body = '', answer = null, lease_token = null, lease_until = null
             where assistant_id = $1 and bot_id = $2 and done_at is null",
            assistant,
            bot,
            now,
        ))
    }

    /// Finishes all open updates of an assistant's bots other than `bot` without answering them; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn discard_updates_of_other_bots(
        &mut self,
        assistant: AssistantId,
        bot: i64,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "update bot_updates set done_at = $3, body = '', answer = null, lease_token = null, lease_until = null
             where assistant_id = $1 and bot_id <> $2 and done_at is null",
            assistant,
            bot,
            now,
        ))
    }

    /// Deletes all updates of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_bot_updates(&mut self, assistant: AssistantId) -> Result<(), StoreError> {
        execute!(self, "delete from bot_updates where assistant_id = $1", assistant);
        Ok(())
    }

    /// Deletes updates that were finished before `before`, and open ones received before then that nothing holds:
    /// their worker was stopped. Returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_bot_updates(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "delete from bot_updates where done_at < $1
                or (done_at is null and received_at < $1 and (lease_until is null or lease_until < $1))",
            before
        ))
    }
}
