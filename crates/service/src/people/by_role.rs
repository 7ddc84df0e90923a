//! The people with one role, in pages, with their number.

use reef_domain::people::{Person, Role};
use reef_domain::query::{Cursor, Page};
use reef_domain::wire::Scope;

use super::{split_page, start};
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
        let (from, limit) = start(Some(page));
        let rows = tx.list_people_with_role(assistant.id, role, from, limit + 1).await?;
        let (people, next) = split_page(rows, Some(page), limit);
        let total = tx.count_people(assistant.id, role).await?;
        Ok(PeopleWithRole { people, next, total })
    }
}
