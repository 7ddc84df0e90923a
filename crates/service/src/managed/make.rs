//! Making a key, so that one assistant has one.

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

/// Pages of the list that are looked through for a name. It is newest first, and what is looked for was made minutes
/// ago; what is missed is found when usage is read.
const PAGES_MAX: usize = 10;

/// What came of making a key.
pub(crate) enum Made {
    /// It is the assistant's now.
    Key(SecretString),
    /// Another run has overtaken this one, or the assistant is gone; the key will be ended.
    Overtaken,
}

/// Why no key was made.
pub(crate) enum NotMade {
    /// OpenRouter did not answer, or its answer was lost: to be tried again, from the start.
    Vendor(ManagedKeyError),
    /// Something inside.
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

/// Every key of that name among the newest ones.
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
    /// Makes the key of a run that is under way. What earlier tries have made and could not keep, for a key is shown
    /// once, is ended first; what was spent through it stays counted.
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

    /// Ends a key that nobody has, after what was spent through it is written down.
    async fn end_leftover(
        &self,
        keys: &dyn ManagedKeys,
        id: AssistantId,
        leftover: &KeyInfo,
    ) -> Result<(), NotMade> {
        let mut work = self.work().await?;
        // A newer run may have made it and kept it since.
        let is_kept = work.tx.secrets(id).await?.managed_key_hash.as_ref() == Some(&leftover.hash);
        if is_kept {
            return Ok(());
        }
        let now = work.now;
        work.tx.note_key_use(id, &leftover.hash, leftover.used, now).await?;
        work.commit().await?;
        tracing::info!(assistant_id = %id, key = leftover.hash, "a model key whose value was lost is ended");
        Ok(keys.delete(&leftover.hash).await?)
    }

    /// Keeps a new key before it is used; `false` when the run has been overtaken and the key is to go.
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
            // A period may have been paid since the limit was computed.
            work.enqueue(Job::ManagedKey { assistant_id: id }).await?;
        } else {
            work.enqueue(Job::DeleteManagedKey { hash: hash.to_owned() }).await?;
        }
        work.commit().await?;
        Ok(is_current)
    }
}
