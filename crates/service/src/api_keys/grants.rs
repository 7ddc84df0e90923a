//! API keys that are limited to selected assistants.

use std::collections::{BTreeSet, HashMap};

use reef_domain::Issue;
use reef_domain::assistant::UNTITLED;
use reef_domain::ids::{AssistantId, GrantId, UserId};
use reef_store::{GrantRow, Tx};

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// Assistants that one key may be limited to.
pub const ASSISTANTS_MAX: usize = 20;

/// An assistant that a key is limited to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedAssistant {
    /// Identifies the assistant, even after its deletion.
    pub id: AssistantId,
    /// The assistant's name; `None` when it was deleted.
    pub name: Option<String>,
}

impl From<GrantRow> for GrantedAssistant {
    fn from(row: GrantRow) -> Self {
        let name = row.existing_assistant_id.map(|_| row.name.unwrap_or_else(|| UNTITLED.to_owned()));
        Self { id: row.assistant_id, name }
    }
}

/// The assistants of each grant of an account.
#[derive(Debug, Default)]
pub(super) struct Granted(HashMap<GrantId, Vec<GrantedAssistant>>);

impl Granted {
    /// Loads all grants of an account.
    pub(super) async fn load(tx: &mut Tx, user: UserId) -> Result<Self, Error> {
        let mut all = Self::default();
        for row in tx.list_grants(user).await? {
            all.0.entry(row.grant_id).or_default().push(row.into());
        }
        Ok(all)
    }

    /// The assistants of one grant.
    pub(super) fn assistants_of(&self, grant: GrantId) -> Vec<GrantedAssistant> {
        self.0.get(&grant).cloned().unwrap_or_default()
    }
}

/// Parses ids of assistants, without duplicates.
pub(super) fn parse(ids: &[String]) -> Result<BTreeSet<AssistantId>, Issue> {
    let ids: Option<BTreeSet<_>> = ids.iter().map(|id| AssistantId::parse(id)).collect();
    let Some(ids) = ids else { return Err(unknown_assistant()) };
    if ids.len() > ASSISTANTS_MAX {
        let message = "You can select at most 20 assistants.";
        return Err(Issue::new("assistants", "too_many", message));
    }
    Ok(ids)
}

fn unknown_assistant() -> Issue {
    Issue::new("assistants", "unknown", "Your account has no such assistant.")
}

impl Services {
    /// Creates a grant for assistants of the caller; `None` when there are no assistants.
    pub(super) async fn create_grant(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        assistants: &BTreeSet<AssistantId>,
    ) -> Result<Option<GrantId>, Error> {
        if assistants.is_empty() {
            return Ok(None);
        }
        let grant = GrantId::new(self.new_uuid());
        for id in assistants {
            let found = tx.find_assistant(*id).await?;
            if found.is_none_or(|assistant| assistant.user_id != caller.user_id) {
                return Err(Error::InvalidRequest(vec![unknown_assistant()]));
            }
            tx.insert_grant(grant, caller.user_id, *id).await?;
        }
        Ok(Some(grant))
    }
}
