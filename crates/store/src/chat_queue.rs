//! Which chats have updates to work on, when the next one is due, and what else waits in a chat.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// More parts than Telegram puts into an album.
const ALBUM_PARTS_MAX: i64 = 50;

/// One part of an album.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct AlbumRow {
    /// Telegram's number of the update.
    pub update_id: i64,
    /// As it came, as JSON; empty once it is done.
    pub body: String,
    /// How many parts of its answer have been sent.
    pub sent_parts: i64,
}

impl Tx {
    /// Chats with updates that may be worked on now and whose assistant has a worker. Assistants take turns: first the
    /// chat of each that has waited longest, then the second of each, and so on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn due_chats(
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

    /// When the next resting update may be tried; `None` when none rests.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn next_due_update(&mut self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(Option<Timestamp>,)> = fetch_optional!(
            self,
            (Option<Timestamp>,),
            "select min(lease_until) from bot_updates
             where done_at is null and lease_token is null and lease_until > $1",
            now,
        );
        Ok(row.and_then(|(due_at,)| due_at))
    }

    /// Ends every update of a chat that a bot received until `received_until` and nobody has answered; gives how many.
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

    /// The parts of an album that have come so far, in the order of their numbers.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn album_parts(
        &mut self,
        assistant: AssistantId,
        chat: i64,
        media_group_id: &str,
    ) -> Result<Vec<AlbumRow>, StoreError> {
        Ok(fetch_all!(
            self,
            AlbumRow,
            "select update_id, body, sent_parts from bot_updates
             where assistant_id = $1 and chat_id = $2 and media_group_id = $3 order by update_id limit $4",
            assistant,
            chat,
            media_group_id,
            ALBUM_PARTS_MAX,
        ))
    }
}
