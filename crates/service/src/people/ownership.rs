//! Who owns an assistant in Telegram and how they became its owner, undoing that for someone who only wrote first, and the
//! people who wait for the owner's approval.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::input::Parsed;
use reef_domain::people::{Person, Role};
use reef_domain::query::{Cursor, Page};
use reef_domain::wire::Scope;
use reef_store::PersonRow;

use super::{ACTIVATED, record, split_page, start};
use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::Outcome;
use crate::services::Services;

/// How long the first person who wrote can be refused as the owner.
const DISOWN_PERIOD: Duration = Duration::from_secs(24 * 3600);

const NO_FIRST_WRITER: &str = "Only an owner who wrote first can be removed, within a day. To make someone else the owner, \
    create an owner link.";

/// How a person became the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerOrigin {
    /// They wrote before anyone owned the assistant.
    Writing,
    /// They opened the owner link.
    Link,
}

/// Who owns an assistant in Telegram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerState {
    /// The owner; `None` while there is none.
    pub owner: Option<Person>,
    /// When the owner became it.
    pub became_owner_at: Option<Timestamp>,
    /// How the owner became it.
    pub became_owner_by: Option<OwnerOrigin>,
    /// Whether [`Services::disown_first_writer`] is possible.
    pub can_be_disowned: bool,
    /// Until when it is possible; `None` if it is not.
    pub can_be_disowned_until: Option<Timestamp>,
    /// Whether the next owner has to open the owner link. Otherwise, the first person who writes becomes it.
    pub is_link_required: bool,
}

/// Until when an owner can be disowned; `None` for one who has opened the owner link.
fn disownable_until(owner: &PersonRow) -> Option<Timestamp> {
    owner.is_first_writer.then(|| owner.role_set_at.plus(DISOWN_PERIOD))
}

impl Services {
    /// Returns who owns an assistant in Telegram, and since when.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn get_owner_state(&self, caller: &Caller, id: &str) -> Result<OwnerState, Error> {
        caller.require_scope(Scope::Read)?;
        let now = self.now();
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let owner = tx.find_owner(assistant.id).await?;
        let until = owner.as_ref().and_then(disownable_until).filter(|until| now < *until);
        let origin =
            |row: &PersonRow| if row.is_first_writer { OwnerOrigin::Writing } else { OwnerOrigin::Link };
        Ok(OwnerState {
            became_owner_at: owner.as_ref().map(|row| row.role_set_at),
            became_owner_by: owner.as_ref().map(origin),
            can_be_disowned: until.is_some(),
            can_be_disowned_until: until,
            is_link_required: tx.is_owner_link_required(assistant.id).await?,
            owner: owner.map(record),
        })
    }

    /// Blocks the owner who became it by writing first, within a day after that. Then the assistant has no owner until
    /// someone opens its owner link.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], and [`Error::InvalidState`] if there is no such
    /// owner, or the day is over.
    pub async fn disown_first_writer(
        &self,
        caller: &Caller,
        id: &str,
        body: Parsed<()>,
    ) -> Result<Person, Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        body.map_err(Error::InvalidRequest)?;
        let mut work = self.unit_of_work().await?;
        let assistant = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        let now = work.now;
        let owner = work.tx.find_owner(assistant.id).await?;
        let first_writer = owner.filter(|owner| disownable_until(owner).is_some_and(|until| now < until));
        let Some(mut row) = first_writer else {
            let current = assistant.state.status();
            return Err(Error::InvalidState { message: NO_FIRST_WRITER, current, allowed: ACTIVATED });
        };
        row.set_role(Role::Blocked, now);
        work.tx.save_person(&row).await?;
        work.tx.require_owner_link(assistant.id, now).await?;
        work.record_change(&assistant);
        let person = record(row);
        work.commit(Some(&Outcome::Person(Box::new(person.clone())))).await?;
        Ok(person)
    }

    /// The people who wait for the owner's approval, newest first, with the cursor of the next page; all of them without a
    /// page.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`], [`Error::InvalidRequest`].
    pub async fn list_requests(
        &self,
        caller: &Caller,
        id: &str,
        page: Parsed<Option<Page>>,
    ) -> Result<(Vec<Person>, Option<Cursor>), Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let page = page.map_err(Error::InvalidRequest)?;
        let (from, limit) = start(page);
        let rows = tx.list_requests(assistant.id, from, limit + 1).await?;
        Ok(split_page(rows, page, limit))
    }

    /// How many people wait for the owner's approval.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn count_requests(&self, caller: &Caller, id: &str) -> Result<i64, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        Ok(tx.count_people(assistant.id, Role::Requested).await?)
    }
}
