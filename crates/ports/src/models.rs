//! Model providers: checking keys, and listing models.

use async_trait::async_trait;
use reef_domain::catalog::ListedModel;
use reef_domain::wire::Provider;
use secrecy::SecretString;
use thiserror::Error;

/// Why a model cannot be used with a key.
#[derive(Debug, Error)]
pub enum ModelCheckError {
    /// The provider rejects the key.
    #[error("the provider rejected the key")]
    KeyRejected,
    /// The provider does not offer the model to this key.
    #[error("the provider does not offer the model")]
    ModelUnavailable,
    /// The provider did not answer, or not as expected. Trying again may help.
    #[error("provider unavailable: {0}")]
    Unavailable(String),
}

/// Why a model did not answer.
#[derive(Debug, Error)]
pub enum GreetError {
    /// The provider rejects the key.
    #[error("the provider rejected the key")]
    KeyRejected,
    /// The provider does not offer the model to this key.
    #[error("the provider does not offer the model")]
    ModelUnavailable,
    /// The account of the key is out of credit.
    #[error("the account is out of credit")]
    OutOfCredit,
    /// The provider did not answer, or not as expected. Trying again may help.
    #[error("the provider did not answer: {0}")]
    NoAnswer(String),
}

/// The list of models could not be read. Trying again may help.
#[derive(Debug, Error)]
#[error("the model list could not be read: {0}")]
pub struct ModelListError(pub String);

/// The providers of models.
#[async_trait]
pub trait ModelProviders: Send + Sync {
    /// Checks that the provider accepts the key and offers the model to it. This costs nothing.
    async fn check(
        &self,
        provider: Provider,
        model_id: &str,
        key: &SecretString,
    ) -> Result<(), ModelCheckError>;

    /// Has the model answer a greeting in one line. This costs the key's owner a few tokens.
    async fn greet(
        &self,
        provider: Provider,
        model_id: &str,
        key: &SecretString,
    ) -> Result<String, GreetError>;

    /// Lists the models on OpenRouter that answer in text. Entries that are not models are left out; the others are not
    /// validated. Needs no key.
    async fn list(&self) -> Result<Vec<ListedModel>, ModelListError>;
}
