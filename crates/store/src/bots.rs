//! What bots have received: taken in at once, worked off one at a time per chat.
//!
//! The oldest open update of a chat is the chat's head, and a lease on it is a lease on the chat: whoever holds it
//! works, and every later write of theirs is refused once somebody else holds it.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UpdateRowId};
use sqlx::FromRow;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// An update as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpdate {
    /// Its row's id.
    pub id: UpdateRowId,
    /// Whose bot received it.
    pub assistant_id: AssistantId,
    /// Which bot: an assistant may be given another one.
    pub bot_id: i64,
    /// Telegram's number of it, unique per bot.
    pub update_id: i64,
    /// In which chat.
    pub chat_id: i64,
    /// As it came, as JSON.
    pub body: String,
    /// The album it is a part of.
    pub media_group_id: Option<String>,
    /// When it may be tried first; at once if `None`.
    pub not_before: Option<Timestamp>,
}

/// An update that is being worked on.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct UpdateRow {
    /// Its row's id.
    pub id: UpdateRowId,
    /// Whose bot received it.
    pub assistant_id: AssistantId,
    /// Which bot.
    pub bot_id: i64,
    /// Telegram's number of it.
    pub update_id: i64,
    /// In which chat.
    pub chat_id: i64,
    /// As it came, as JSON.
    pub body: String,
    /// The answer as JSON, once there is one.
    pub answer: Option<String>,
    /// How many parts of the answer have been sent.
    pub sent_parts: i64,
    /// How often it was begun, this time included.
    pub attempts: i64,
    /// When it came.
    pub received_at: Timestamp,
}

impl Tx {
    /// Takes an update in; `false` when it was there already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_update(&mut self, update: &NewUpdate, now: Timestamp) -> Result<bool, StoreError> {
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

    /// How many updates of an assistant wait.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_open_updates(&mut self, assistant: AssistantId) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from bot_updates where assistant_id = $1 and done_at is null",
            assistant,
        );
        Ok(row.map_or(0, |(count,)| count))
    }

    /// Leases a chat's head to the holder of `token` until `until`, counting the attempt. `None` when nothing
    /// waits, somebody works on the chat, or its head is not to be tried yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_update(
        &mut self,
        assistant: AssistantId,
        chat: i64,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<UpdateRow>, StoreError> {
        // The first condition on the lease is for PostgreSQL, which checks it again after waiting for a rival; the
        // second is for an update that came after a later-numbered one of its chat.
        Ok(fetch_optional!(
            self,
            UpdateRow,
            "update bot_updates set attempts = attempts + 1, lease_token = $3, lease_until = $5
             where id = (select id from bot_updates where assistant_id = $1 and chat_id = $2 and done_at is null
                         order by update_id, id limit 1)
               and done_at is null and (lease_until is null or lease_until <= $4)
               and not exists (select 1 from bot_updates where assistant_id = $1 and chat_id = $2
                               and done_at is null and lease_until > $4)
             returning id, assistant_id, bot_id, update_id, chat_id, body, answer, sent_parts, attempts, received_at",
            assistant,
            chat,
            token,
            now,
            until,
        ))
    }

    /// Keeps a lease alive; `false` when somebody else holds the update now, or the worker is no longer the one of
    /// this run.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn renew_update(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        generation: i64,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let kept = execute!(
            self,
            "update bot_updates set lease_until = $4 where id = $1 and lease_token = $2 and done_at is null
               and exists (select 1 from workers where workers.assistant_id = bot_updates.assistant_id
                           and workers.generation = $3)",
            id,
            token,
            generation,
            until,
        );
        Ok(kept == 1)
    }

    /// Replaces a saved answer, of which as much counts as sent as before; `false` when somebody else holds the update
    /// now.
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

    /// Keeps an answer before any of it is sent; `false` when there is one already, or somebody else holds the
    /// update now.
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

    /// Notes how many parts of the answer have been sent; `false` when somebody else holds the update now.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_sent_parts(
        &mut self,
        id: UpdateRowId,
        token: Uuid,
        sent: i64,
    ) -> Result<bool, StoreError> {
        let noted = execute!(
            self,
            "update bot_updates set sent_parts = $3 where id = $1 and lease_token = $2",
            id,
            token,
            sent
        );
        Ok(noted == 1)
    }

    /// Ends an update. Its row stays for a while so that a repeat is known; its text does not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finish_update(
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

    /// Frees an update that failed; neither it nor another one of its chat is tried before `until`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn rest_update(
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

    /// The same without counting the attempt: Telegram itself asked to wait.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn postpone_update(
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

    /// Frees an update as it was, without counting the attempt: its holder stops.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn hand_back_update(&mut self, id: UpdateRowId, token: Uuid) -> Result<(), StoreError> {
        execute!(
            self,
            "update bot_updates set lease_token = null, lease_until = null, attempts = attempts - 1
             where id = $1 and lease_token = $2",
            id,
            token,
        );
        Ok(())
    }

    /// Frees every lease on updates that is not `token`'s: for the only process on a database, at its start.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn free_update_leases(&mut self, token: Uuid) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "update bot_updates set lease_token = null, lease_until = null
             where done_at is null and lease_token is not null and lease_token <> $1",
            token,
        ))
    }

    /// Ends every waiting update of a bot unanswered.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn drop_updates_of_bot(
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

    /// Ends every waiting update of an assistant's other bots unanswered: `bot` is the one it has now.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn drop_updates_of_other_bots(
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

    /// Destroys what an assistant's bots have received.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_updates(&mut self, assistant: AssistantId) -> Result<(), StoreError> {
        execute!(self, "delete from bot_updates where assistant_id = $1", assistant);
        Ok(())
    }

    /// Forgets updates worked off before `before`, and those that have waited since before then for a worker that
    /// was stopped; gives how many. What came long ago and was worked off lately is still known, and what somebody
    /// works on is left to them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_updates(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "delete from bot_updates where done_at < $1
                or (done_at is null and received_at < $1 and (lease_until is null or lease_until < $1))",
            before
        ))
    }
}
