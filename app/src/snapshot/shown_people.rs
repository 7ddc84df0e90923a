//! What the page about people shows, in the form that is hashed into its stamp. A new field does not compile until it is added here.

use reef_domain::Timestamp;
use reef_domain::people::{Fact, Person};
use reef_service::people::{FactConversation, Group, OwnerOrigin, OwnerState};
use serde::Serialize;

use crate::people::{PeopleData, PeopleList, PeopleSummary};

/// What the page shows.
#[derive(Serialize)]
pub(super) struct ShownPeople<'a> {
    owner: ShownOwner<'a>,
    lists: [ShownList<'a>; 3],
    groups: Vec<(i64, &'a str, Option<&'a Person>, bool)>,
    facts: Vec<(i64, i64, Option<&'a str>, &'a [Fact])>,
}

impl<'a> From<&'a PeopleData> for ShownPeople<'a> {
    fn from(data: &'a PeopleData) -> Self {
        let PeopleData { owner, requests, approved, blocked, groups, facts } = data;
        let group = |Group { chat_id, title, added_by, is_approved }: &'a Group| {
            (*chat_id, &**title, added_by.as_ref(), *is_approved)
        };
        let conversation = |FactConversation { chat_id, thread_id, title, facts }: &'a FactConversation| {
            (*chat_id, *thread_id, title.as_deref(), &**facts)
        };
        Self {
            owner: owner.into(),
            lists: [requests, approved, blocked].map(ShownList::from),
            groups: groups.iter().map(group).collect(),
            facts: facts.iter().map(conversation).collect(),
        }
    }
}

#[derive(Serialize)]
struct ShownList<'a> {
    people: &'a [Person],
    has_next: bool,
    total: i64,
}

impl<'a> From<&'a PeopleList> for ShownList<'a> {
    fn from(list: &'a PeopleList) -> Self {
        // The role and the page are the same in all of these.
        let PeopleList { role: _, people, next, total, is_later_page: _ } = list;
        Self { people, has_next: next.is_some(), total: *total }
    }
}

/// What the page of an assistant shows of its people.
#[derive(Serialize)]
pub(super) struct ShownSummary<'a> {
    waiting: i64,
    owner: ShownOwner<'a>,
}

impl<'a> From<&'a PeopleSummary> for ShownSummary<'a> {
    fn from(PeopleSummary { waiting, owner }: &'a PeopleSummary) -> Self {
        Self { waiting: *waiting, owner: owner.into() }
    }
}

/// Who owns an assistant in Telegram.
#[derive(Serialize)]
struct ShownOwner<'a> {
    owner: Option<&'a Person>,
    became_owner_at: Option<Timestamp>,
    has_written: bool,
    can_be_disowned_until: Option<Timestamp>,
    is_link_required: bool,
}

impl<'a> From<&'a OwnerState> for ShownOwner<'a> {
    fn from(state: &'a OwnerState) -> Self {
        let OwnerState {
            owner,
            became_owner_at,
            became_owner_by,
            can_be_disowned: _,
            can_be_disowned_until,
            is_link_required,
        } = state;
        Self {
            owner: owner.as_ref(),
            became_owner_at: *became_owner_at,
            has_written: *became_owner_by == Some(OwnerOrigin::Writing),
            can_be_disowned_until: *can_be_disowned_until,
            is_link_required: *is_link_required,
        }
    }
}
