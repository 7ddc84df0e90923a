//! The people of an assistant who have one role.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, PersonId};
use reef_domain::people::Role;

use crate::error::StoreError;
use crate::people::{PersonRow, Row, read_all};
use crate::tx::{Tx, fetch_all};

impl Tx {
    /// Lists up to `limit` people with a role from `(first_seen_at, id)` on, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_people_with_role(
        &mut self,
        assistant: AssistantId,
        role: Role,
        (first_seen_at, id): (Timestamp, PersonId),
        limit: i64,
    ) -> Result<Vec<PersonRow>, StoreError> {
        read_all(fetch_all!(
            self,
            Row,
            "select * from people
             where assistant_id = $1 and role = $2 and (first_seen_at < $3 or (first_seen_at = $3 and id <= $4))
             order by first_seen_at desc, id desc limit $5",
            assistant,
            role.as_str(),
            first_seen_at,
            id,
            limit,
        ))
    }
}
