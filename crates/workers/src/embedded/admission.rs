//! Decides who may talk to an assistant, from its settings, its people and its groups.

use std::time::Duration;

use reef_assistant::{AccessRequest, Admission, Decision, Place, Verdict, Visit, Visitor};
use reef_domain::Timestamp;
use reef_domain::ids::PersonId;
use reef_domain::people::{OWNER_CODE_PURPOSE, Role};
use reef_domain::settings::{AccessMode, GroupMode, Settings as Behavior};
use reef_store::{BotGroupRow, PersonRow, StoreError, Tx};
use reef_vault::fingerprint;

use crate::embedded::behavior::read_behavior;
use crate::embedded::conversations::current_chat_id;
use crate::embedded::turn_host::TurnHost;

/// How often someone who may not talk to an assistant is informed of that.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// When someone was last seen is stored to this precision, so that most messages write nothing.
const SEEN_PRECISION: Duration = Duration::from_secs(60);

impl TurnHost<'_> {
    /// Records a visit and decides on it. Nothing is written if the person is known and nothing about them has changed.
    pub(super) async fn admit_visit(&self, visit: &Visit) -> Result<Admission, StoreError> {
        let inner = &self.embedded.inner;
        let mut tx = inner.store.read().await?;
        let behavior = Box::new(read_behavior(&mut tx, self.row.assistant_id).await?);
        let visitor = match (&visit.place, &visit.visitor) {
            (Place::Group { chat_id, title }, visitor) => {
                let verdict = self.admit_in_group(tx, &behavior, *chat_id, title, visitor.as_ref()).await?;
                return Ok(Admission { behavior, verdict, is_owner: false });
            }
            // Private messages have an author.
            (Place::Private, None) => {
                return Ok(Admission { behavior, verdict: Verdict::Silent, is_owner: false });
            }
            (Place::Private, Some(visitor)) => visitor,
        };
        let found = tx.find_person_by_telegram_user(self.row.assistant_id, visitor.telegram_user_id).await?;
        if let Some(person) = &found
            && visit.owner_code.is_none()
            && is_current(person, visitor, inner.clock.now())
            && may_talk(person.role, behavior.access.mode)
            && (person.role == Role::Owner || !self.has_first_writer_to_come(&mut tx).await?)
        {
            let is_owner = person.role == Role::Owner;
            return Ok(Admission { behavior, verdict: Verdict::Allowed, is_owner });
        }
        drop(tx);
        let mut tx = inner.store.begin().await?;
        let (verdict, role) = self.record_visit(&mut tx, &behavior, visit, visitor).await?;
        tx.commit().await?;
        Ok(Admission { behavior, verdict, is_owner: role == Role::Owner })
    }

    /// Records a visit in a private chat. Returns the role that the person has now, too.
    async fn record_visit(
        &self,
        tx: &mut Tx,
        behavior: &Behavior,
        visit: &Visit,
        visitor: &Visitor,
    ) -> Result<(Verdict, Role), StoreError> {
        let (assistant, now) = (self.row.assistant_id, self.embedded.inner.clock.now());
        // Serializes the visits to one assistant, so that of two first writers one becomes the owner.
        tx.lock_assistant(assistant).await?;
        let owner = tx.find_owner(assistant).await?;
        let known = tx.find_person_by_telegram_user(assistant, visitor.telegram_user_id).await?;
        let is_new = known.is_none();
        let mut person = known.unwrap_or_else(|| self.new_person(visitor, now));
        person.name.clone_from(&visitor.name);
        person.username.clone_from(&visitor.username);
        person.last_seen_at = now;
        let used_link = match &visit.owner_code {
            Some(code) => tx.use_owner_link(assistant, &fingerprint(OWNER_CODE_PURPOSE, code), now).await?,
            None => false,
        };
        // A turn that runs again after a kill finds the link used, by the person who is the owner now.
        let is_owner_by_link = used_link || visit.owner_code.is_some() && person.role == Role::Owner;
        if used_link && person.role != Role::Owner {
            if let Some(mut former) = owner.clone() {
                former.set_role(Role::Approved, now);
                tx.save_person(&former).await?;
            }
            person.set_role(Role::Owner, now);
        } else if used_link {
            // An owner who wrote first and opens the link is the owner by the link.
            person.is_first_writer = false;
        } else if person.role != Role::Blocked && self.has_first_writer_to_come(tx).await? {
            person.set_role(Role::Owner, now);
            person.is_first_writer = true;
        }
        let verdict = if is_owner_by_link {
            Verdict::NewOwner
        } else if may_talk(person.role, behavior.access.mode) {
            Verdict::Allowed
        } else {
            refuse(&mut person, behavior.access.mode, visit.update_id, is_new, owner.as_ref(), now)
        };
        if is_new {
            tx.insert_person(&person).await?;
        } else {
            tx.save_person(&person).await?;
        }
        Ok((verdict, person.role))
    }

    /// Whether the next person who writes becomes the owner.
    async fn has_first_writer_to_come(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let assistant = self.row.assistant_id;
        Ok(tx.find_owner(assistant).await?.is_none() && !tx.is_owner_link_required(assistant).await?)
    }

    fn new_person(&self, visitor: &Visitor, now: Timestamp) -> PersonRow {
        PersonRow {
            id: PersonId::new(self.embedded.new_uuid()),
            assistant_id: self.row.assistant_id,
            telegram_user_id: visitor.telegram_user_id,
            name: visitor.name.clone(),
            username: visitor.username.clone(),
            role: Role::Requested,
            first_seen_at: now,
            last_seen_at: now,
            role_set_at: now,
            is_first_writer: false,
            refused_at: None,
            refused_update_id: None,
        }
    }

    /// Decides on a message in a group. Members need no approval, but the group does, unless everyone may talk to the assistant.
    async fn admit_in_group(
        &self,
        mut tx: Tx,
        behavior: &Behavior,
        chat_id: i64,
        title: &str,
        visitor: Option<&Visitor>,
    ) -> Result<Verdict, StoreError> {
        let assistant = self.row.assistant_id;
        if behavior.access.groups == GroupMode::Off {
            return Ok(Verdict::Silent);
        }
        if let Some(visitor) = visitor {
            let person = tx.find_person_by_telegram_user(assistant, visitor.telegram_user_id).await?;
            if person.is_some_and(|person| person.role == Role::Blocked) {
                return Ok(Verdict::Silent);
            }
        }
        if behavior.access.mode == AccessMode::Anyone {
            return Ok(Verdict::Allowed);
        }
        let chat_id = current_chat_id(&mut tx, assistant, chat_id).await?;
        let Some(group) = tx.find_bot_group(assistant, chat_id).await? else {
            drop(tx);
            // The page of the assistant lists it, so that it can be approved there.
            self.save_group(chat_id, title, None).await?;
            return Ok(Verdict::Silent);
        };
        let is_trusted = match group.added_by {
            Some(user) => {
                let adder = tx.find_person_by_telegram_user(assistant, user).await?;
                adder.is_some_and(|adder| match behavior.access.mode {
                    AccessMode::Owner => adder.role == Role::Owner,
                    _ => matches!(adder.role, Role::Owner | Role::Approved),
                })
            }
            None => false,
        };
        Ok(if is_trusted || group.is_approved { Verdict::Allowed } else { Verdict::Silent })
    }

    /// Carries out the owner's decision about a person.
    pub(super) async fn decide(
        &self,
        owner: &Visitor,
        person_id: &str,
        is_approved: bool,
    ) -> Result<Decision, StoreError> {
        let (assistant, inner) = (self.row.assistant_id, &self.embedded.inner);
        let mut tx = inner.store.begin().await?;
        tx.lock_assistant(assistant).await?;
        let is_owner = tx
            .find_owner(assistant)
            .await?
            .is_some_and(|found| found.telegram_user_id == owner.telegram_user_id);
        if !is_owner {
            return Ok(Decision::NotOwner);
        }
        let Some(person_id) = PersonId::parse(person_id) else { return Ok(Decision::Unknown) };
        let Some(mut person) = tx.find_person(assistant, person_id).await? else {
            return Ok(Decision::Unknown);
        };
        let role = if is_approved { Role::Approved } else { Role::Blocked };
        let is_new = person.role != role && person.role != Role::Owner;
        if is_new {
            person.set_role(role, inner.clock.now());
            tx.save_person(&person).await?;
        }
        tx.commit().await?;
        Ok(Decision::Made { chat_id: person.telegram_user_id, name: person.name, is_new })
    }

    /// Records that the bot was added to a group, or has left it.
    pub(super) async fn save_membership(
        &self,
        chat_id: i64,
        title: &str,
        added_by: Option<&Visitor>,
    ) -> Result<(), StoreError> {
        if let Some(visitor) = added_by {
            return self.save_group(chat_id, title, Some(visitor.telegram_user_id)).await;
        }
        let mut tx = self.embedded.inner.store.begin().await?;
        tx.delete_bot_group(self.row.assistant_id, chat_id).await?;
        tx.commit().await
    }

    async fn save_group(&self, chat_id: i64, title: &str, added_by: Option<i64>) -> Result<(), StoreError> {
        let inner = &self.embedded.inner;
        let group = BotGroupRow {
            chat_id,
            title: title.chars().filter(|c| !c.is_control()).collect(),
            added_by,
            is_approved: false,
            first_seen_at: inner.clock.now(),
        };
        let mut tx = inner.store.begin().await?;
        tx.save_bot_group(self.row.assistant_id, &group).await?;
        tx.commit().await
    }
}

const fn may_talk(role: Role, mode: AccessMode) -> bool {
    match (role, mode) {
        (Role::Blocked, _) => false,
        (Role::Owner, _) | (_, AccessMode::Anyone) => true,
        (Role::Approved, AccessMode::Approved) => true,
        (Role::Approved | Role::Requested, _) => false,
    }
}

/// Whether what is stored about a person is as Telegram says, and recent enough.
fn is_current(person: &PersonRow, visitor: &Visitor, now: Timestamp) -> bool {
    person.name == visitor.name
        && person.username == visitor.username
        && now.since(person.last_seen_at) < SEEN_PRECISION
}

/// Refuses a person, in words at most once a day. The same update is refused again after a kill.
fn refuse(
    person: &mut PersonRow,
    mode: AccessMode,
    update_id: i64,
    is_new: bool,
    owner: Option<&PersonRow>,
    now: Timestamp,
) -> Verdict {
    let is_repeated = person.refused_update_id == Some(update_id);
    let is_due = person.refused_at.is_none_or(|at| now.since(at) >= REFUSAL_INTERVAL);
    if person.role == Role::Blocked || !(is_due || is_repeated) {
        return Verdict::Silent;
    }
    let is_first = is_new || person.refused_at.is_none() || is_repeated;
    if !is_repeated {
        person.refused_at = Some(now);
        person.refused_update_id = Some(update_id);
    }
    let can_be_approved = mode == AccessMode::Approved;
    let request = owner.filter(|_| can_be_approved && is_first).map(|owner| AccessRequest {
        person_id: person.id.to_string(),
        owner_chat_id: owner.telegram_user_id,
    });
    Verdict::Refused { request, can_be_approved }
}
