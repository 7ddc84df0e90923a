//! The people who have written to an assistant: listing, approving, blocking and forgetting them, and the link that makes one
//! of them the owner.

mod by_role;
mod facts;
mod owner_link;
mod ownership;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use reef_domain::Assistant;
use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, PersonId};
use reef_domain::input::Parsed;
use reef_domain::people::{Person, Role};
use reef_domain::query::{Cursor, Page};
use reef_domain::wire::{Scope, Status};
use reef_store::{BotGroupRow, PersonRow};
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::Outcome;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

pub use by_role::PeopleWithRole;
pub use facts::FactConversation;
pub use owner_link::OwnerLink;
pub use ownership::{OwnerOrigin, OwnerState};

/// How many people are listed without a page.
const PEOPLE_MAX: i64 = 10_000;

const OWNER_NOT_BLOCKED: &str =
    "The owner can't be blocked. Make someone else the owner first, with a new owner link.";

/// A group that an assistant is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The id of the group at Telegram.
    pub chat_id: i64,
    /// The title of the group; empty if it is not known.
    pub title: String,
    /// Who added the assistant; `None` if that is not known, or someone who has never written to it.
    pub added_by: Option<Person>,
    /// Whether the assistant may answer there no matter who has added it.
    pub is_approved: bool,
}

fn record(row: PersonRow) -> Person {
    Person {
        id: row.id.to_string(),
        telegram_user_id: row.telegram_user_id,
        name: row.name,
        username: row.username,
        role: row.role,
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
    }
}

impl Services {
    /// The people who have written to an assistant, newest first, with the cursor of the next page; all of them without a page.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`], [`Error::InvalidRequest`].
    pub async fn list_people(
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
        let rows = tx.list_people(assistant.id, from, limit + 1).await?;
        Ok(split_page(rows, page, limit))
    }

    /// Lets a person talk to the assistant. The owner stays the owner.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`].
    pub async fn approve_person(
        &self,
        caller: &Caller,
        id: &str,
        person: &str,
        body: Parsed<()>,
    ) -> Result<Person, Error> {
        let (work, assistant, row) = self.lock_person(caller, id, person, body).await?;
        let role = if row.role == Role::Owner { Role::Owner } else { Role::Approved };
        save_role(work, &assistant, row, role).await
    }

    /// Stops a person from talking to the assistant.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], and [`Error::InvalidState`] for the owner.
    pub async fn block_person(
        &self,
        caller: &Caller,
        id: &str,
        person: &str,
        body: Parsed<()>,
    ) -> Result<Person, Error> {
        let (work, assistant, row) = self.lock_person(caller, id, person, body).await?;
        if row.role == Role::Owner {
            let current = assistant.state.status();
            return Err(Error::InvalidState { message: OWNER_NOT_BLOCKED, current, allowed: &[] });
        }
        save_role(work, &assistant, row, Role::Blocked).await
    }

    /// Erases what is known of a person, including their private conversation with the assistant. Without its owner, an
    /// assistant waits for the one who opens the owner link, so that it does not fall to the next person who writes.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`].
    pub async fn delete_person(
        &self,
        caller: &Caller,
        id: &str,
        person: &str,
        body: Parsed<()>,
    ) -> Result<(), Error> {
        let (mut work, assistant, row) = self.lock_person(caller, id, person, body).await?;
        work.tx.delete_chat(assistant.id, row.telegram_user_id).await?;
        work.tx.delete_person(assistant.id, row.id).await?;
        work.tx.delete_turn_share(assistant.id, row.telegram_user_id).await?;
        if row.role == Role::Owner {
            work.tx.require_owner_link(assistant.id, work.now).await?;
        }
        work.record_change(&assistant);
        work.commit(Some(&Outcome::Deleted)).await
    }

    /// The groups that an assistant is in, newest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn list_groups(&self, caller: &Caller, id: &str) -> Result<Vec<Group>, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let assistant = self.get_owned_assistant(&mut tx, caller, id).await?;
        let rows = tx.list_bot_groups(assistant.id).await?;
        // Few people add a bot to groups.
        let mut adders: BTreeMap<i64, Option<Person>> = BTreeMap::new();
        for user in rows.iter().filter_map(|row| row.added_by) {
            if let Entry::Vacant(entry) = adders.entry(user) {
                entry.insert(tx.find_person_by_telegram_user(assistant.id, user).await?.map(record));
            }
        }
        let group = |row: BotGroupRow| Group {
            chat_id: row.chat_id,
            title: row.title,
            added_by: row.added_by.and_then(|user| adders.get(&user).cloned().flatten()),
            is_approved: row.is_approved,
        };
        Ok(rows.into_iter().map(group).collect())
    }

    /// Sets whether the assistant may answer in a group that was added by someone unknown.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn approve_group(
        &self,
        caller: &Caller,
        id: &str,
        chat: i64,
        is_approved: bool,
    ) -> Result<(), Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let mut work = self.unit_of_work().await?;
        let assistant = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        if !work.tx.update_bot_group_approval(assistant.id, chat, is_approved).await? {
            return Err(Error::NotFound);
        }
        work.record_change(&assistant);
        work.commit(None).await
    }

    /// Locks the assistant and reads one of its people.
    async fn lock_person(
        &self,
        caller: &Caller,
        id: &str,
        person: &str,
        body: Parsed<()>,
    ) -> Result<(UnitOfWork<'_>, Assistant, PersonRow), Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let person = PersonId::parse(person).ok_or(Error::NotFound)?;
        let mut work = self.unit_of_work().await?;
        let assistant = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        let row = work.tx.find_person(assistant.id, person).await?.ok_or(Error::NotFound)?;
        body.map_err(Error::InvalidRequest)?;
        Ok((work, assistant, row))
    }
}

/// The last moment that both databases can store.
const MS_MAX: i64 = 253_402_300_799_999;

/// Where a page of people begins, and how many it has.
fn start(page: Option<Page>) -> ((Timestamp, PersonId), i64) {
    let from = page
        .and_then(|page| page.after)
        .map_or((Timestamp::from_unix_ms(MS_MAX), PersonId::new(Uuid::max())), |cursor| {
            (cursor.created_at, PersonId::new(cursor.id.uuid()))
        });
    (from, page.map_or(PEOPLE_MAX, |page| page.limit))
}

/// Separates the entry that the next page begins with.
fn split_page(mut rows: Vec<PersonRow>, page: Option<Page>, limit: i64) -> (Vec<Person>, Option<Cursor>) {
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = rows.split_off(rows.len().min(size)).pop().filter(|_| page.is_some());
    let next = next.map(|row| Cursor { created_at: row.first_seen_at, id: AssistantId::new(row.id.uuid()) });
    (rows.into_iter().map(record).collect(), next)
}

async fn save_role(
    mut work: UnitOfWork<'_>,
    assistant: &Assistant,
    mut row: PersonRow,
    role: Role,
) -> Result<Person, Error> {
    if row.role != role {
        row.set_role(role, work.now);
        work.tx.save_person(&row).await?;
        work.record_change(assistant);
    }
    let person = record(row);
    work.commit(Some(&Outcome::Person(Box::new(person.clone())))).await?;
    Ok(person)
}

/// The statuses after activation.
const ACTIVATED: &[Status] = &[Status::Deploying, Status::Active, Status::Failed, Status::Stopped];
