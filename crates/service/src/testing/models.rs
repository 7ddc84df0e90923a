//! Model providers that like every key.

use std::sync::Mutex;

use async_trait::async_trait;
use reef_domain::wire::Provider;
use secrecy::{ExposeSecret, SecretString};

use super::script::{Script, lock};
use crate::ports::{ModelCheckError, ModelProviders};

/// Checks keys; `check` is its call.
#[derive(Default)]
pub struct FakeModels {
    /// What goes wrong.
    pub script: Script<ModelCheckError>,
    checked: Mutex<Vec<(Provider, String, String)>>,
}

impl FakeModels {
    /// What has been checked: provider, model and key.
    #[must_use]
    pub fn checked(&self) -> Vec<(Provider, String, String)> {
        lock(&self.checked).clone()
    }
}

#[async_trait]
impl ModelProviders for FakeModels {
    async fn check(
        &self,
        provider: Provider,
        model_id: &str,
        key: &SecretString,
    ) -> Result<(), ModelCheckError> {
        let check = || {
            lock(&self.checked).push((provider, model_id.to_owned(), key.expose_secret().to_owned()));
            Ok(())
        };
        self.script.perform("check", check).await
    }
}
