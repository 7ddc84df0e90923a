//! How the model keys of assistants are named at OpenRouter, and finding them by name.

use reef_domain::ids::AssistantId;
use reef_ports::{KEYS_PAGE_SIZE, ManagedKeyError, ManagedKeyInfo, ManagedKeys};

const NAME_PREFIX: &str = "reef-";
/// Pages of OpenRouter's list that are searched for a name. The list is newest first and the key was created minutes ago. A
/// key that is missed is found when usage is recorded.
const PAGES_MAX: usize = 10;

/// The name of an assistant's keys at OpenRouter.
pub(super) fn key_name(id: AssistantId) -> String {
    format!("{NAME_PREFIX}{id}")
}

/// The assistant of a key with this name; `None` when Reef did not create it.
pub(super) fn parse_key_name(name: &str) -> Option<AssistantId> {
    AssistantId::parse(name.strip_prefix(NAME_PREFIX)?)
}

/// Every key of this name among the newest ones.
pub(super) async fn list_keys_named(
    keys: &dyn ManagedKeys,
    name: &str,
) -> Result<Vec<ManagedKeyInfo>, ManagedKeyError> {
    let mut found = Vec::new();
    for page in 0..PAGES_MAX {
        let listed = keys.list(page * KEYS_PAGE_SIZE).await?;
        let is_last = listed.len() < KEYS_PAGE_SIZE;
        found.extend(listed.into_iter().filter(|key| key.name == name));
        if is_last {
            break;
        }
    }
    Ok(found)
}
