//! Reconciling a managed key with its assistant: its limit, whether it is enabled, and its deletion.

use reef_domain::Assistant;
use reef_domain::ids::AssistantId;
use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use serde::{Deserialize, Serialize};

use crate::billing::credit::key_names::{key_name, list_keys_named};
use crate::error::Error;
use crate::services::Services;
use reef_ports::{ManagedKeyError, ManagedKeyInfo, ManagedKeys};

/// Reconcile an assistant's managed key with its status and credit, and delete it once the assistant is deleted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReconcileManagedKey {
    pub assistant_id: AssistantId,
}

impl Job<Services> for ReconcileManagedKey {
    const KIND: &'static str = "managed_key";
    const CONCURRENCY: usize = 4;
    const RETRY: RetryPolicy = RetryPolicy::unlimited(Backoff::STANDARD);

    fn dedup_id(&self) -> String {
        self.assistant_id.to_string()
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services.reconcile_managed_key(self.assistant_id).await
    }
}

impl Services {
    /// A key is enabled while its assistant runs and disabled while it does not, its limit is the paid credit, and it
    /// is deleted with the assistant. Every change of these enqueues the job again.
    async fn reconcile_managed_key(&self, id: AssistantId) -> Result<(), JobError> {
        let (assistant, hash) = {
            let mut tx = self.store().read().await?;
            (tx.find_assistant(id).await?, tx.get_secrets(id).await?.managed_key_hash)
        };
        let Some(keys) = self.ports().managed_keys.as_deref() else {
            return match hash {
                None => Ok(()),
                Some(_) => Err(JobError::Retry("no management key is configured".into())),
            };
        };
        let Some(a) = assistant else { return self.delete_keys_of(keys, id).await };
        let Some(hash) = hash else { return Ok(()) };
        match self.update_key(keys, &a, &hash, !a.state.is_running()).await? {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                // The next deployment creates a new key; until then the provider rejects the old one, as it does already.
                tracing::warn!(assistant_id = %id, key = hash, "managed key no longer exists at openrouter");
                Ok(self.clear_key(id, &hash).await?)
            }
            Err(error) => Err(JobError::Retry(error.into())),
        }
    }

    /// Sets the limit and the state of a stored key and records what was spent. `None` when OpenRouter does not know it.
    pub(crate) async fn update_key(
        &self,
        keys: &dyn ManagedKeys,
        a: &Assistant,
        hash: &str,
        disabled: bool,
    ) -> Result<Result<Option<ManagedKeyInfo>, ManagedKeyError>, Error> {
        let limit = self.get_credit_account(a).await?.limit_of(hash);
        let updated = keys.update(hash, limit, disabled).await;
        if let Ok(Some(info)) = &updated {
            self.record_key_usage(a.id, info).await?;
        }
        Ok(updated)
    }

    /// Clears a stored key that no longer exists. What was spent through it stays counted.
    pub(crate) async fn clear_key(&self, id: AssistantId, hash: &str) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        tx.delete_managed_key(id, hash).await?;
        Ok(tx.commit().await?)
    }

    /// Deletes every key of a deleted assistant, because one may have been created and never stored.
    async fn delete_keys_of(&self, keys: &dyn ManagedKeys, id: AssistantId) -> Result<(), JobError> {
        let retry = |error: ManagedKeyError| JobError::Retry(error.into());
        for key in list_keys_named(keys, &key_name(id)).await.map_err(retry)? {
            keys.delete(&key.hash).await.map_err(retry)?;
            tracing::info!(assistant_id = %id, key = key.hash, "managed key of a deleted assistant deleted");
        }
        Ok(())
    }
}
