//! Bringing a key in line with its assistant: its limit, whether it is refused, and its end.

use reef_domain::Assistant;
use reef_domain::ids::AssistantId;

use super::key_name;
use super::make::keys_named;
use crate::error::Error;
use crate::jobs::JobError;
use crate::ports::{KeyInfo, ManagedKeyError, ManagedKeys};
use crate::services::Services;

impl Services {
    /// The job: the assistant's key is enabled while it runs, disabled while it doesn't, and may spend what was paid;
    /// without an assistant there is no key. Whoever changes any of that asks for it again.
    pub(crate) async fn keep_managed_key(&self, id: AssistantId) -> Result<(), JobError> {
        let (assistant, hash) = {
            let mut tx = self.store().read().await?;
            (tx.assistant(id).await?, tx.secrets(id).await?.managed_key_hash)
        };
        let Some(keys) = self.ports().managed_keys.as_deref() else {
            return match hash {
                None => Ok(()),
                Some(_) => Err(JobError::Retry("no management key is configured".into())),
            };
        };
        let Some(a) = assistant else { return self.sweep_keys_of(keys, id).await };
        let Some(hash) = hash else { return Ok(()) };
        match self.set_key(keys, &a, &hash, !a.state.is_running()).await? {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                // The next deployment makes a new one; until then the provider refuses, as it does already.
                tracing::warn!(assistant_id = %id, key = hash, "a managed model key is gone at its provider");
                Ok(self.forget_key(id, &hash).await?)
            }
            Err(error) => Err(JobError::Retry(error.into())),
        }
    }

    /// Sets limit and state of a key that the assistant has, and notes what was spent; `None` when it is gone.
    pub(crate) async fn set_key(
        &self,
        keys: &dyn ManagedKeys,
        a: &Assistant,
        hash: &str,
        disabled: bool,
    ) -> Result<Result<Option<KeyInfo>, ManagedKeyError>, Error> {
        let limit = self.credit_account(a).await?.limit_of(hash);
        let updated = keys.update(hash, limit, disabled).await;
        if let Ok(Some(info)) = &updated {
            self.note_use(a.id, info).await?;
        }
        Ok(updated)
    }

    /// Forgets a key that is gone; what was spent through it stays counted.
    pub(crate) async fn forget_key(&self, id: AssistantId, hash: &str) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        tx.drop_managed_key(id, hash).await?;
        Ok(tx.commit().await?)
    }

    /// Ends every key that was made for an assistant that is gone: one may have been made and never written down.
    async fn sweep_keys_of(&self, keys: &dyn ManagedKeys, id: AssistantId) -> Result<(), JobError> {
        let retry = |error: ManagedKeyError| JobError::Retry(error.into());
        for left in keys_named(keys, &key_name(id)).await.map_err(retry)? {
            keys.delete(&left.hash).await.map_err(retry)?;
            tracing::info!(assistant_id = %id, key = left.hash, "a model key of a deleted assistant is ended");
        }
        Ok(())
    }
}
