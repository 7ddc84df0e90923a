//! What the page about an assistant's people is rendered from.

use reef_domain::people::{Person, Role};
use reef_domain::query::{Cursor, Page};
use reef_service::people::{FactConversation, Group, OwnerState, PeopleWithRole};
use reef_service::{Caller, Error, Services};

/// How many people of each role the page shows at once.
const PEOPLE_SHOWN: i64 = 50;

/// What the page shows.
pub(crate) struct PeopleData {
    pub owner: OwnerState,
    pub requests: PeopleList,
    pub approved: PeopleList,
    pub blocked: PeopleList,
    pub groups: Vec<Group>,
    pub facts: Vec<FactConversation>,
}

/// What the page of an assistant says about its people.
pub(crate) struct PeopleSummary {
    /// How many people wait for approval.
    pub waiting: i64,
    pub owner: OwnerState,
}

impl PeopleSummary {
    pub(crate) async fn load(services: &Services, caller: &Caller, id: &str) -> Result<Self, Error> {
        let waiting = services.count_requests(caller, id).await?;
        Ok(Self { waiting, owner: services.get_owner_state(caller, id).await? })
    }
}

/// A page of the people with one role.
pub(crate) struct PeopleList {
    pub role: Role,
    pub people: Vec<Person>,
    pub next: Option<Cursor>,
    /// How many people have the role, on all pages.
    pub total: i64,
    pub is_later_page: bool,
}

impl PeopleData {
    /// Loads the first pages.
    pub(crate) async fn load(services: &Services, caller: &Caller, id: &str) -> Result<Self, Error> {
        let first = async |role| PeopleList::load(services, caller, id, role, None).await;
        Ok(Self {
            owner: services.get_owner_state(caller, id).await?,
            requests: first(Role::Requested).await?,
            approved: first(Role::Approved).await?,
            blocked: first(Role::Blocked).await?,
            groups: services.list_groups(caller, id).await?,
            facts: services.list_facts_by_conversation(caller, id).await?,
        })
    }
}

impl PeopleList {
    async fn load(
        services: &Services,
        caller: &Caller,
        id: &str,
        role: Role,
        after: Option<Cursor>,
    ) -> Result<Self, Error> {
        let page = Page { limit: PEOPLE_SHOWN, after };
        let PeopleWithRole { people, next, total } = if role == Role::Requested {
            let (people, next) = services.list_requests(caller, id, Ok(Some(page))).await?;
            PeopleWithRole { people, next, total: services.count_requests(caller, id).await? }
        } else {
            services.list_people_with_role(caller, id, role, page).await?
        };
        Ok(Self { role, people, next, total, is_later_page: after.is_some() })
    }

    /// The page after a cursor; this one without a cursor.
    pub(crate) async fn at(
        self,
        services: &Services,
        caller: &Caller,
        id: &str,
        after: Option<Cursor>,
    ) -> Result<Self, Error> {
        match after {
            Some(_) => Self::load(services, caller, id, self.role, after).await,
            None => Ok(self),
        }
    }
}
