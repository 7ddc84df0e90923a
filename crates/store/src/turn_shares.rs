//! What people have used of their share of an assistant that answers everyone.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// What a person has used of their share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct TurnShareRow {
    /// Until when the share of an hour counts as used. Each turn moves it further ahead.
    pub hour_used_until: Timestamp,
    /// The same for the share of a day.
    pub day_used_until: Timestamp,
    /// The update that was counted last.
    pub last_update_id: i64,
    /// When the person was last informed that the share is used up.
    pub refused_at: Option<Timestamp>,
    /// The update that was refused then.
    pub refused_update_id: Option<i64>,
}

impl Tx {
    /// Finds the share of an author: a Telegram user, or a chat on whose behalf someone writes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_turn_share(
        &mut self,
        assistant: AssistantId,
        author: i64,
    ) -> Result<Option<TurnShareRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            TurnShareRow,
            "select hour_used_until, day_used_until, last_update_id, refused_at, refused_update_id
             from turn_shares where assistant_id = $1 and author_id = $2",
            assistant,
            author,
        ))
    }

    /// Replaces `old` with `new`. `false` if another transaction has changed it since `old` was read.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_turn_share(
        &mut self,
        assistant: AssistantId,
        author: i64,
        old: Option<&TurnShareRow>,
        new: &TurnShareRow,
    ) -> Result<bool, StoreError> {
        let changed = match old {
            None => execute!(
                self,
                "insert into turn_shares (assistant_id, author_id, hour_used_until, day_used_until, last_update_id,
                                          refused_at, refused_update_id)
                 values ($1, $2, $3, $4, $5, $6, $7) on conflict (assistant_id, author_id) do nothing",
                assistant,
                author,
                new.hour_used_until,
                new.day_used_until,
                new.last_update_id,
                new.refused_at,
                new.refused_update_id,
            ),
            Some(old) => execute!(
                self,
                "update turn_shares set hour_used_until = $3, day_used_until = $4, last_update_id = $5, refused_at = $6,
                   refused_update_id = $7
                 where assistant_id = $1 and author_id = $2 and hour_used_until = $8 and day_used_until = $9
                   and last_update_id = $10 and coalesce(refused_update_id, -1) = coalesce($11, -1)",
                assistant,
                author,
                new.hour_used_until,
                new.day_used_until,
                new.last_update_id,
                new.refused_at,
                new.refused_update_id,
                old.hour_used_until,
                old.day_used_until,
                old.last_update_id,
                old.refused_update_id,
            ),
        };
        Ok(changed == 1)
    }

    /// Deletes the share of a person.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_turn_share(&mut self, assistant: AssistantId, author: i64) -> Result<(), StoreError> {
        execute!(
            self,
            "delete from turn_shares where assistant_id = $1 and author_id = $2",
            assistant,
            author
        );
        Ok(())
    }

    /// Deletes shares that have not been used since `before`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_turn_shares(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from turn_shares where day_used_until < $1", before))
    }
}
