//! The managed key of an assistant, created or enabled for its deployment.

use reef_domain::FailureCode;
use reef_domain::wire::Provider;
use secrecy::SecretString;

use crate::billing::credit::{CreateKeyError, CreatedKey};
use crate::deployments::run::{Deployment, RunError};
use reef_ports::{ManagedKeys, ModelCheckError};

/// How often a key that was just enabled may be rejected: the job that disables it after a stop may still be running.
const REFUSALS_MAX: usize = 5;

impl Deployment<'_> {
    /// The assistant's managed key, enabled and accepted for the model.
    pub(super) async fn managed_key(&self, model_id: &str) -> Result<SecretString, RunError> {
        let keys = self.services.ports().managed_keys.as_deref();
        let keys = keys.ok_or(RunError::Failed(FailureCode::ModelUnavailable))?;
        let mut refusals = 0;
        loop {
            let key = self.enabled_key(keys).await?;
            match self.services.ports().models.check(Provider::Openrouter, model_id, &key).await {
                Ok(()) => return Ok(key),
                Err(ModelCheckError::ModelUnavailable) => {
                    return Err(RunError::Failed(FailureCode::ModelUnavailable));
                }
                // `ModelKeyRejected` would ask the owner for a working key, but this key is created by Reef.
                Err(ModelCheckError::KeyRejected) if refusals >= REFUSALS_MAX => {
                    return Err(RunError::Failed(FailureCode::ModelUnavailable));
                }
                Err(error) => {
                    refusals += usize::from(matches!(error, ModelCheckError::KeyRejected));
                    self.wait_before_retry("model provider", &error).await?;
                }
            }
        }
    }

    /// The stored key, or else a new one.
    async fn enabled_key(&self, keys: &dyn ManagedKeys) -> Result<SecretString, RunError> {
        let id = self.assistant.id;
        loop {
            let secrets = self.services.store().read().await?.get_secrets(id).await?;
            let stored = (self.services.open_model_key(id, &secrets)?, secrets.managed_key_hash);
            let error = if let (Some(key), Some(hash)) = stored {
                match self.services.update_key(keys, &self.assistant, &hash, false).await? {
                    Ok(Some(_)) => return Ok(key),
                    Ok(None) => {
                        self.services.clear_key(id, &hash).await?;
                        continue;
                    }
                    Err(error) => error,
                }
            } else {
                match self.services.create_managed_key(keys, id, self.worker.generation).await {
                    Ok(CreatedKey::Key(key)) => return Ok(key),
                    Ok(CreatedKey::Superseded) => return Err(RunError::Superseded),
                    Err(CreateKeyError::Internal(error)) => return Err(error.into()),
                    Err(CreateKeyError::Vendor(error)) => error,
                }
            };
            self.wait_before_retry("managed keys", &error).await?;
        }
    }
}
