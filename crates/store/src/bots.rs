//! What bots have received: taken in at once, worked off one at a time per chat.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UpdateRowId};
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// An update as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpdate {
    /// Its row's id.
    pub id: UpdateRowId,
    /// Whose bot received it.
    pub assistant_id: AssistantId,
    /// Telegram's number of it, unique per bot.
    pub update_id: i64,
    /// In which chat.
    pub chat_id: i64,
    /// As it came, as JSON.
    pub body: String,
}

/// An update that is not worked off.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct UpdateRow {
    /// Its row's id.
    pub id: UpdateRowId,
    /// Whose bot received it.
    pub assistant_id: AssistantId,
    /// Telegram's number of it.
    pub update_id: i64,
    /// In which chat.
    pub chat_id: i64,
    /// As it came, as JSON.
    pub body: String,
    /// The answer, once there is one.
    pub answer: Option<Json<Value>>,
    /// How many parts of the answer have been sent.
    pub sent_parts: i64,
    /// How often it was begun.
    pub attempts: i64,
    /// When it came.
    pub received_at: Timestamp,
}

/// The columns of [`UpdateRow`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, assistant_id, update_id, chat_id, body, answer, sent_parts, attempts, received_at
             from bot_updates ",
            $rest
        )
    };
}

impl Tx {
    /// Takes an update in; `false` when it was there already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_update(&mut self, update: &NewUpdate, now: Timestamp) -> Result<bool, StoreError> {
        let added = execute!(
            self,
            "insert into bot_updates (id, assistant_id, update_id, chat_id, body, sent_parts, attempts, received_at)
             values ($1, $2, $3, $4, $5, 0, 0, $6) on conflict (assistant_id, update_id) do nothing",
            update.id,
            update.assistant_id,
            update.update_id,
            update.chat_id,
            &update.body,
            now,
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

    /// The oldest update of a chat that is not worked off.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn next_update(
        &mut self,
        assistant: AssistantId,
        chat: i64,
    ) -> Result<Option<UpdateRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            UpdateRow,
            select!(
                "where assistant_id = $1 and chat_id = $2 and done_at is null order by update_id limit 1"
            ),
            assistant,
            chat,
        ))
    }

    /// Chats with updates that are not worked off, whose assistant has a worker.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn chats_with_updates(&mut self, limit: i64) -> Result<Vec<(AssistantId, i64)>, StoreError> {
        Ok(fetch_all!(
            self,
            (AssistantId, i64),
            "select u.assistant_id, u.chat_id from bot_updates u join workers w on w.assistant_id = u.assistant_id
             where u.done_at is null group by u.assistant_id, u.chat_id order by min(u.received_at) limit $1",
            limit,
        ))
    }

    /// Notes that an update is being worked on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin_update(&mut self, id: UpdateRowId) -> Result<(), StoreError> {
        execute!(self, "update bot_updates set attempts = attempts + 1 where id = $1", id);
        Ok(())
    }

    /// Keeps an answer before any of it is sent.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_answer(&mut self, id: UpdateRowId, answer: &Value) -> Result<(), StoreError> {
        execute!(self, "update bot_updates set answer = $2, sent_parts = 0 where id = $1", id, Json(answer));
        Ok(())
    }

    /// Notes how many parts of the answer have been sent.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_sent_parts(&mut self, id: UpdateRowId, sent: i64) -> Result<(), StoreError> {
        execute!(self, "update bot_updates set sent_parts = $2 where id = $1", id, sent);
        Ok(())
    }

    /// Ends an update. Its row stays for a while so that a repeat is known; its text does not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finish_update(&mut self, id: UpdateRowId, now: Timestamp) -> Result<(), StoreError> {
        execute!(
            self,
            "update bot_updates set done_at = $2, body = '', answer = null where id = $1",
            id,
            now
        );
        Ok(())
    }

    /// Forgets updates worked off before `before`; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_updates(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from bot_updates where done_at < $1", before))
    }
}
