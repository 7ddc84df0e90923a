//! Which chats have updates to answer, when the next retry is due, and the parts of albums.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UpdateRowId};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// Telegram puts at most ten parts into an album.
const ALBUM_PARTS_MAX: i64 = 50;

/// How many waiting updates are read at once.
const WAITING_MAX: i64 = 50;

/// An update that may be answered together with another one of its chat.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct AlbumPartRow {
    /// Telegram's number of the update.
    pub update_id: i64,
    /// The update as JSON; empty once it is done.
    pub body: String,
    /// How many parts of its answer have been sent.
    pub sent_parts: i64,
}

impl Tx {
    /// Lists chats with updates that can be claimed and whose assistant has a worker. Assistants take turns: the chat
    /// of each that has waited longest comes first, then the second chat of each, and so on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_due_chats(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<(AssistantId, i64)>, StoreError> {
        Ok(fetch_all!(
            self,
            (AssistantId, i64),
            "select assistant_id, chat_id from (
                 select u.assistant_id, u.chat_id, min(u.received_at) as since,
                        row_number() over (partition by u.assistant_id order by min(u.received_at)) as place
                 from bot_updates u join workers w on w.assistant_id = u.assistant_id
                 where u.done_at is null group by u.assistant_id, u.chat_id
                 having max(u.lease_until) is null or max(u.lease_until) <= $1
             ) as chats order by place, since limit $2",
            now,
            limit,
        ))
    }

    /// Whether a chat has updates that are not done, due or not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_open_updates(&mut self, assistant: AssistantId, chat: i64) -> Result<bool, StoreError> {
        let open = fetch_optional!(
            self,
            (i64,),
            "select update_id from bot_updates where assistant_id = $1 and chat_id = $2 and done_at is null limit 1",
            assistant,
            chat,
        );
        Ok(open.is_some())
    }

    /// Finds when the next update that waits for a retry may be attempted.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_next_retry_at(&mut self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(Option<Timestamp>,)> = fetch_optional!(
            self,
            (Option<Timestamp>,),
            "select min(lease_until) from bot_updates
             where done_at is null and lease_token is null and lease_until > $1",
            now,
        );
        Ok(row.and_then(|(due_at,)| due_at))
    }

    /// Finishes all open updates of a chat that a bot received until `received_until`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn cancel_chat_updates(
        &mut self,
        assistant: AssistantId,
        bot: i64,
        chat: i64,
        received_until: Timestamp,
    ) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "update bot_updates set done_at = $4, body = '', answer = null, lease_token = null, lease_until = null
             where assistant_id = $1 and bot_id = $2 and chat_id = $3 and done_at is null and received_at <= $4",
            assistant,
            bot,
            chat,
            received_until,
        ))
    }

    /// Lists the parts of an album that have arrived so far, by their update numbers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_album_parts(
        &mut self,
        assistant: AssistantId,
        chat: i64,
        media_group_id: &str,
    ) -> Result<Vec<AlbumPartRow>, StoreError> {
        Ok(fetch_all!(
            self,
            AlbumPartRow,
            "select update_id, body, sent_parts from bot_updates
             where assistant_id = $1 and chat_id = $2 and media_group_id = $3 order by update_id limit $4",
            assistant,
            chat,
            media_group_id,
            ALBUM_PARTS_MAX,
        ))
    }

    /// Lists the first updates of a chat that a bot has received and that have no answer yet, by their numbers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_waiting_updates(
        &mut self,
        assistant: AssistantId,
        bot: i64,
        chat: i64,
    ) -> Result<Vec<AlbumPartRow>, StoreError> {
        Ok(fetch_all!(
            self,
            AlbumPartRow,
            "select update_id, body, sent_parts from bot_updates
             where assistant_id = $1 and bot_id = $2 and chat_id = $3 and done_at is null and answer is null
             order by update_id limit $4",
            assistant,
            bot,
            chat,
            WAITING_MAX,
        ))
    }

    /// Finishes an update that the answer to another one of its chat covers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finish_covered_update(
        &mut self,
        assistant: AssistantId,
        bot: i64,
        update: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update bot_updates set done_at = $4, body = '', answer = null, lease_token = null, lease_until = null
             where assistant_id = $1 and bot_id = $2 and update_id = $3 and done_at is null and answer is null",
            assistant,
            bot,
            update,
            now,
        );
        Ok(())
    }

    /// Lists the updates of a chat that have no answer yet and that nobody works on, with their bodies.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_unanswered_updates(
        &mut self,
        assistant: AssistantId,
        chat: i64,
    ) -> Result<Vec<(UpdateRowId, String)>, StoreError> {
        Ok(fetch_all!(
            self,
            (UpdateRowId, String),
            "select id, body from bot_updates where assistant_id = $1 and chat_id = $2 and done_at is null
               and answer is null and lease_token is null order by update_id desc limit 100",
            assistant,
            chat,
        ))
    }

    /// Replaces the body of an update that has no answer yet and that nobody works on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_update_body(&mut self, id: UpdateRowId, body: &str) -> Result<bool, StoreError> {
        let sql = "update bot_updates set body = $2 where id = $1 and done_at is null and answer is null and lease_token is null";
        Ok(execute!(self, sql, id, body) == 1)
    }
}
