//! Model providers that accept every key.

use std::sync::Mutex;

use async_trait::async_trait;
use reef_domain::catalog::ListedModel;
use reef_domain::wire::Provider;
use secrecy::{ExposeSecret, SecretString};

use crate::testing::script::{Script, lock};
use reef_ports::{GreetError, ModelCheckError, ModelListError, ModelProviders};

/// Checks keys. Its scripted calls are `check`, `greet` and `list`.
#[derive(Default)]
pub struct FakeModels {
    /// The scripted failures of `check`.
    pub script: Script<ModelCheckError>,
    /// The scripted failures of `greet`.
    pub greet_script: Script<GreetError>,
    /// The scripted failures of `list`.
    pub list_script: Script<ModelListError>,
    checked: Mutex<Vec<(Provider, String, String)>>,
    /// The models that OpenRouter lists; `None` stands for a dozen models of an unknown author.
    listed: Mutex<Option<Vec<ListedModel>>>,
}

impl FakeModels {
    /// What was checked: provider, model and key.
    #[must_use]
    pub fn checked(&self) -> Vec<(Provider, String, String)> {
        lock(&self.checked).clone()
    }

    /// Sets the models that OpenRouter lists. At first it has a dozen of an unknown author.
    pub fn set_list(&self, ids: impl IntoIterator<Item = String>) {
        *lock(&self.listed) = Some(ids.into_iter().map(listed).collect());
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

    async fn greet(&self, _: Provider, model_id: &str, _: &SecretString) -> Result<String, GreetError> {
        self.greet_script.perform("greet", || Ok(format!("Hello from {model_id}."))).await
    }

    async fn list(&self) -> Result<Vec<ListedModel>, ModelListError> {
        self.list_script.perform("list", || Ok(lock(&self.listed).clone().unwrap_or_else(default_list))).await
    }
}

fn listed(id: String) -> ListedModel {
    ListedModel { name: format!("Model {id}"), id, prices: None }
}

fn default_list() -> Vec<ListedModel> {
    (1..=12).map(|number| listed(format!("nobody/model-{number}"))).collect()
}
