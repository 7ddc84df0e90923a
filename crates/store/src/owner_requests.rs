//! Who owns an assistant next, and the people who wait for the owner's approval.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, PersonId};

use crate::error::StoreError;
use crate::people::{PersonRow, Row, read_all};
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

impl Tx {
    /// Records that the next owner of an assistant comes by the owner link, and not by writing first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn require_owner_link(
        &mut self,
        assistant: AssistantId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into owner_link_requirements (assistant_id, required_at) values ($1, $2)
             on conflict (assistant_id) do nothing",
            assistant,
            now,
        );
        Ok(())
    }

    /// Whether the next owner of an assistant comes by the owner link.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_owner_link_required(&mut self, assistant: AssistantId) -> Result<bool, StoreError> {
        let sql = "select count(*) from owner_link_requirements where assistant_id = $1";
        let row: Option<(i64,)> = fetch_optional!(self, (i64,), sql, assistant);
        Ok(row.is_some_and(|(count,)| count > 0))
    }

    /// Lists up to `limit` people who wait for approval, from `(first_seen_at, id)` on, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_requests(
        &mut self,
        assistant: AssistantId,
        (first_seen_at, id): (Timestamp, PersonId),
        limit: i64,
    ) -> Result<Vec<PersonRow>, StoreError> {
        read_all(fetch_all!(
            self,
            Row,
            "select * from people
             where assistant_id = $1 and role = 'requested'
               and (first_seen_at < $2 or (first_seen_at = $2 and id <= $3))
             order by first_seen_at desc, id desc limit $4",
            assistant,
            first_seen_at,
            id,
            limit,
        ))
    }
}
