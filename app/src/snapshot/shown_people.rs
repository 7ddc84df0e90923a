//! What the page about people shows, in the form that is hashed into its stamp. A new field does not compile until it is added here.

use reef_domain::people::{Fact, Person};
use reef_service::people::{FactConversation, Group};
use serde::Serialize;

use crate::people::{Owner, PeopleData, PeopleList};

/// What the page shows.
#[derive(Serialize)]
pub(super) struct ShownPeople<'a> {
    owner: Option<&'a Person>,
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
            owner: owner.as_ref().map(|Owner { person }| person),
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
