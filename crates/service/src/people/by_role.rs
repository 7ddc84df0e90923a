//! The people with one role, in pages, with their number.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, PersonId};
use reef_domain::people::{Person, Role};
use reef_domain::query::{Cursor, Page};
use reef_domain::wire::Scope;
use uuid::Uuid;

use super::{MS_MAX, record};
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// A page of the people with one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeopleWithRole {
    /// The people, newest first.
    pub people: Vec<Person>,
    /// The cursor of the next page.
    pub next: Option<Cursor>,
    /// How many people have the role, on all pages.
    pub total: i64,
}

impl Services {
    /// The people of one of the caller's assistants who have a role.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn list_people_with_role(
        &self,
        caller: &Caller,
        id: &str,
        role: Role,
        page: Page,
    ) -> Result<PeopleWithRole, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let first = (Timestamp::from_unix_ms(MS_MAX), PersonId::new(Uuid::max()));
        let from = page.after.map_or(first, |cursor| (cursor.created_at, PersonId::new(cursor.id.uuid())));
        let mut rows = tx.list_people_with_role(assistant.id, role, from, page.limit + 1).await?;
        // The next page begins with the entry at the cursor.
        let size = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let next = rows.split_off(rows.len().min(size)).pop();
        let next =
            next.map(|row| Cursor { created_at: row.first_seen_at, id: AssistantId::new(row.id.uuid()) });
        let total = tx.count_people(assistant.id, role).await?;
        Ok(PeopleWithRole { people: rows.into_iter().map(record).collect(), next, total })
    }
}
