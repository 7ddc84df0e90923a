//! The managed key of an assistant, created or enabled for its deployment.

use reef_domain::FailureCode;
use reef_domain::wire::Provider;
use secrecy::SecretString;

use super::{Deployment, Halt};
use crate::managed::{Made, NotMade};
use crate::ports::{ManagedKeys, ModelCheckError};

/// How often a key that was just enabled may be rejected: the job that disables it after a stop may still be running.
const REFUSALS_MAX: usize = 5;

impl Deployment<'_> {
    /// The assistant's managed key, enabled and accepted for the model.
    pub(super) async fn managed_key(&self, model_id: &str) -> Result<SecretString, Halt> {
        let keys = self.services.ports().managed_keys.as_deref();
        let keys = keys.ok_or(Halt::Failed(FailureCode::ModelUnavailable))?;
        let mut refusals = 0;
        loop {
            let key = self.enabled_key(keys).await?;
            match self.services.ports().models.check(Provider::Openrouter, model_id, &key).await {
                Ok(()) => return Ok(key),
                Err(ModelCheckError::ModelUnavailable) => {
                    return Err(Halt::Failed(FailureCode::ModelUnavailable));
                }
                // `ModelKeyRejected` would ask the owner for a working key, but this key is created by Reef.
                Err(ModelCheckError::KeyRejected) if refusals >= REFUSALS_MAX => {
                    return Err(Halt::Failed(FailureCode::ModelUnavailable));
                }
                Err(error) => {
                    refusals += usize::from(matches!(error, ModelCheckError::KeyRejected));
                    self.wait_and_see("model provider", &error).await?;
                }
            }
        }
    }

    /// The stored key, or else a new one.
    async fn enabled_key(&self, keys: &dyn ManagedKeys) -> Result<SecretString, Halt> {
        let id = self.assistant.id;
        loop {
            let secrets = self.services.store().read().await?.secrets(id).await?;
            let kept = (self.services.open_model_key(id, &secrets)?, secrets.managed_key_hash);
            let error = if let (Some(key), Some(hash)) = kept {
                match self.services.set_key(keys, &self.assistant, &hash, false).await? {
                    Ok(Some(_)) => return Ok(key),
                    Ok(None) => {
                        self.services.forget_key(id, &hash).await?;
                        continue;
                    }
                    Err(error) => error,
                }
            } else {
                match self.services.make_managed_key(keys, id, self.worker.generation).await {
                    Ok(Made::Key(key)) => return Ok(key),
                    Ok(Made::Overtaken) => return Err(Halt::Stale),
                    Err(NotMade::Inside(error)) => return Err(error.into()),
                    Err(NotMade::Vendor(error)) => error,
                }
            };
            self.wait_and_see("managed keys", &error).await?;
        }
    }
}
