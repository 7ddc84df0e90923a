//! The client for OpenRouter's key management, which creates the model keys of managed assistants.

use async_trait::async_trait;
use reef_domain::Usd;
use reef_ports::{ManagedKey, ManagedKeyError, ManagedKeyInfo, ManagedKeys};
use reef_protocols::openrouter::{self, KeysApi};
use reef_protocols::{HttpRequest, HttpResponse};
use secrecy::{ExposeSecret, SecretString};

use crate::http::Http;

/// The client for OpenRouter's management API. Its `Debug` output hides the key.
#[derive(Clone, Debug)]
pub struct OpenRouterKeys {
    http: Http,
    base_url: String,
    management_key: SecretString,
}

impl OpenRouterKeys {
    /// Creates a client with a management key. `base_url` includes the version and has no trailing slash:
    /// `https://openrouter.ai/api/v1`.
    #[must_use]
    pub fn new(http: Http, base_url: String, management_key: SecretString) -> Self {
        Self { http, base_url, management_key }
    }

    fn api(&self) -> KeysApi<'_> {
        KeysApi::new(&self.base_url, self.management_key.expose_secret())
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ManagedKeyError> {
        self.http.send(request).await.map_err(|error| ManagedKeyError(error.to_string()))
    }
}

#[async_trait]
impl ManagedKeys for OpenRouterKeys {
    async fn create(&self, name: &str, limit: Usd) -> Result<ManagedKey, ManagedKeyError> {
        openrouter::read_new_key(&self.send(self.api().create(name, limit)).await?)
    }

    async fn list(&self, offset: usize) -> Result<Vec<ManagedKeyInfo>, ManagedKeyError> {
        openrouter::read_key_page(&self.send(self.api().list(offset)).await?)
    }

    async fn update(
        &self,
        hash: &str,
        limit: Usd,
        disabled: bool,
    ) -> Result<Option<ManagedKeyInfo>, ManagedKeyError> {
        openrouter::read_updated_key(&self.send(self.api().update(hash, limit, disabled)).await?)
    }

    async fn delete(&self, hash: &str) -> Result<(), ManagedKeyError> {
        openrouter::read_deletion(&self.send(self.api().delete(hash)).await?)
    }
}
