//! Creating a managed key, so that an assistant never has two.

use reef_domain::Usd;
use reef_domain::ids::AssistantId;
use reef_domain::state::State;
use reef_store::StoreError;
use secrecy::{ExposeSecret as _, SecretString};

use crate::billing::credit::delete::DeleteManagedKey;
use crate::billing::credit::key_names::{key_name, list_keys_named};
use crate::billing::credit::reconcile::ReconcileManagedKey;
use crate::error::Error;
use crate::services::Services;
use reef_ports::{ManagedKeyError, ManagedKeyInfo, ManagedKeys};

/// The outcome of creating a key.
pub(crate) enum CreatedKey {
    /// The key is stored with the assistant.
    Key(SecretString),
    /// A newer run has superseded this one or the assistant was deleted, so a job deletes the key.
    Superseded,
}

/// Why no key was created.
pub(crate) enum CreateKeyError {
    /// OpenRouter did not answer or its answer was lost, so everything is retried.
    Vendor(ManagedKeyError),
    /// An error of the database or the vault.
    Internal(Error),
}

impl From<ManagedKeyError> for CreateKeyError {
    fn from(error: ManagedKeyError) -> Self {
        Self::Vendor(error)
    }
}

impl From<Error> for CreateKeyError {
    fn from(error: Error) -> Self {
        Self::Internal(error)
    }
}

impl From<StoreError> for CreateKeyError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl Services {
    /// Creates the key of a run in progress. OpenRouter shows a key once, so keys that earlier attempts created and could not
    /// store are deleted first. What was spent through them stays counted.
    pub(crate) async fn create_managed_key(
        &self,
        keys: &dyn ManagedKeys,
        id: AssistantId,
        generation: i64,
    ) -> Result<CreatedKey, CreateKeyError> {
        let name = key_name(id);
        for leftover in list_keys_named(keys, &name).await? {
            self.delete_leftover(keys, id, &leftover).await?;
        }
        let Some(a) = self.store().read().await?.find_assistant(id).await? else {
            return Ok(CreatedKey::Superseded);
        };
        let limit = self.get_credit_account(&a).await?.remaining();
        let created = keys.create(&name, limit).await?;
        Ok(if self.store_created_key(id, generation, &created.hash, &created.key).await? {
            CreatedKey::Key(created.key)
        } else {
            CreatedKey::Superseded
        })
    }

    /// Records what was spent through a key that no assistant has, then deletes it.
    async fn delete_leftover(
        &self,
        keys: &dyn ManagedKeys,
        id: AssistantId,
        leftover: &ManagedKeyInfo,
    ) -> Result<(), CreateKeyError> {
        let mut work = self.unit_of_work().await?;
        // A newer run may have created and stored it since the list was read.
        let is_kept = work.tx.get_secrets(id).await?.managed_key_hash.as_ref() == Some(&leftover.hash);
        if is_kept {
            return Ok(());
        }
        let now = work.now;
        work.tx.record_managed_key_usage(id, &leftover.hash, leftover.used, now).await?;
        work.commit(None).await?;
        tracing::info!(assistant_id = %id, key = leftover.hash, "managed key with a lost value deleted");
        Ok(keys.delete(&leftover.hash).await?)
    }

    /// Stores a new key before it is used. Returns `false` when the run was superseded, so that a job deletes the key.
    async fn store_created_key(
        &self,
        id: AssistantId,
        generation: i64,
        hash: &str,
        key: &SecretString,
    ) -> Result<bool, Error> {
        let mut secrets = self.seal_secrets(id, None, Some(key.expose_secret()))?;
        let mut work = self.unit_of_work().await?;
        let a = work.tx.lock_assistant(id).await?;
        let is_current = a.is_some_and(
            |a| matches!(&a.state, State::Deploying { run, .. } if run.generation == generation),
        );
        if is_current {
            let now = work.now;
            secrets.managed_key_hash = Some(hash.to_owned());
            work.tx.update_secrets(id, &secrets).await?;
            work.tx.record_managed_key_usage(id, hash, Usd::ZERO, now).await?;
            // A billing period may have been paid since the limit was computed.
            work.enqueue(ReconcileManagedKey { assistant_id: id }).await?;
        } else {
            work.enqueue(DeleteManagedKey { hash: hash.to_owned() }).await?;
        }
        work.commit(None).await?;
        Ok(is_current)
    }
}
