//! Creating a managed key, so that an assistant never has two.

use reef_domain::Usd;
use reef_domain::ids::AssistantId;
use reef_domain::state::State;
use reef_store::StoreError;
use secrecy::{ExposeSecret as _, SecretString};

use super::key_name;
use crate::error::Error;
use crate::jobs::Job;
use crate::ports::{KEYS_PAGE, KeyInfo, ManagedKeyError, ManagedKeys};
use crate::services::Services;

/// Pages of OpenRouter's list that are searched for a name. The list is newest first and the key was created minutes ago. A
/// key that is missed is found when usage is recorded.
const PAGES_MAX: usize = 10;

/// The outcome of creating a key.
pub(crate) enum Made {
    /// The key is stored with the assistant.
    Key(SecretString),
    /// A newer run has superseded this one or the assistant was deleted, so a job deletes the key.
    Overtaken,
}

/// Why no key was created.
pub(crate) enum NotMade {
    /// OpenRouter did not answer or its answer was lost, so everything is retried.
    Vendor(ManagedKeyError),
    /// An error of the database or the vault.
    Inside(Error),
}

impl From<ManagedKeyError> for NotMade {
    fn from(error: ManagedKeyError) -> Self {
        Self::Vendor(error)
    }
}

impl From<Error> for NotMade {
    fn from(error: Error) -> Self {
        Self::Inside(error)
    }
}

impl From<StoreError> for NotMade {
    fn from(error: StoreError) -> Self {
        Self::Inside(error.into())
    }
}

/// Every key of this name among the newest ones.
pub(super) async fn keys_named(keys: &dyn ManagedKeys, name: &str) -> Result<Vec<KeyInfo>, ManagedKeyError> {
    let mut found = Vec::new();
    for page in 0..PAGES_MAX {
        let listed = keys.list(page * KEYS_PAGE).await?;
        let is_last = listed.len() < KEYS_PAGE;
        found.extend(listed.into_iter().filter(|key| key.name == name));
        if is_last {
            break;
        }
    }
    Ok(found)
}

impl Services {
    /// Creates the key of a run in progress. OpenRouter shows a key once, so keys that earlier attempts created and could not
    /// store are deleted first. What was spent through them stays counted.
    pub(crate) async fn make_managed_key(
        &self,
        keys: &dyn ManagedKeys,
        id: AssistantId,
        generation: i64,
    ) -> Result<Made, NotMade> {
        let name = key_name(id);
        for leftover in keys_named(keys, &name).await? {
            self.end_leftover(keys, id, &leftover).await?;
        }
        let Some(a) = self.store().read().await?.assistant(id).await? else { return Ok(Made::Overtaken) };
        let limit = self.credit_account(&a).await?.left();
        let made = keys.create(&name, limit).await?;
        Ok(if self.keep_made_key(id, generation, &made.hash, &made.key).await? {
            Made::Key(made.key)
        } else {
            Made::Overtaken
        })
    }

    /// Records what was spent through a key that no assistant has, then deletes it.
    async fn end_leftover(
        &self,
        keys: &dyn ManagedKeys,
        id: AssistantId,
        leftover: &KeyInfo,
    ) -> Result<(), NotMade> {
        let mut work = self.work().await?;
        // A newer run may have created and stored it since the list was read.
        let is_kept = work.tx.secrets(id).await?.managed_key_hash.as_ref() == Some(&leftover.hash);
        if is_kept {
            return Ok(());
        }
        let now = work.now;
        work.tx.note_key_use(id, &leftover.hash, leftover.used, now).await?;
        work.commit().await?;
        tracing::info!(assistant_id = %id, key = leftover.hash, "managed key with a lost value deleted");
        Ok(keys.delete(&leftover.hash).await?)
    }

    /// Stores a new key before it is used. Returns `false` when the run was superseded, so that a job deletes the key.
    async fn keep_made_key(
        &self,
        id: AssistantId,
        generation: i64,
        hash: &str,
        key: &SecretString,
    ) -> Result<bool, Error> {
        let mut secrets = self.seal_secrets(id, None, Some(key.expose_secret()))?;
        let mut work = self.work().await?;
        let a = work.tx.lock_assistant(id).await?;
        let is_current = a.is_some_and(
            |a| matches!(&a.state, State::Deploying { run, .. } if run.generation == generation),
        );
        if is_current {
            let now = work.now;
            secrets.managed_key_hash = Some(hash.to_owned());
            work.tx.set_secrets(id, &secrets).await?;
            work.tx.note_key_use(id, hash, Usd::ZERO, now).await?;
            // A billing period may have been paid since the limit was computed.
            work.enqueue(Job::ManagedKey { assistant_id: id }).await?;
        } else {
            work.enqueue(Job::DeleteManagedKey { hash: hash.to_owned() }).await?;
        }
        work.commit().await?;
        Ok(is_current)
    }
}
