//! Model providers, as far as checking a key needs them.

use async_trait::async_trait;
use reef_domain::catalog::Listed;
use reef_domain::wire::Provider;
use secrecy::SecretString;
use thiserror::Error;

/// A key and a model do not go together.
#[derive(Debug, Error)]
pub enum ModelCheckError {
    /// The provider refuses the key.
    #[error("the provider refused the key")]
    KeyRejected,
    /// The provider does not offer the model to this key.
    #[error("the provider does not offer the model")]
    ModelUnavailable,
    /// It did not answer, or not understandably; trying again may help.
    #[error("provider unavailable: {0}")]
    Unavailable(String),
}

/// A model did not answer.
#[derive(Debug, Error)]
pub enum GreetError {
    /// The provider refuses the key.
    #[error("the provider refused the key")]
    KeyRejected,
    /// The provider does not offer the model to this key.
    #[error("the provider does not offer the model")]
    ModelUnavailable,
    /// The account that the key belongs to has nothing left to spend.
    #[error("the account is out of credit")]
    OutOfCredit,
    /// It did not answer, or not understandably; trying again may help.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// The provider's model list could not be read; trying again may help.
#[derive(Debug, Error)]
#[error("the model list: {0}")]
pub struct ModelListError(pub String);

/// Checks keys and models with their providers.
#[async_trait]
pub trait ModelProviders: Send + Sync {
    /// Passes when the provider accepts the key and offers the model to it. Costs nothing.
    async fn check(
        &self,
        provider: Provider,
        model_id: &str,
        key: &SecretString,
    ) -> Result<(), ModelCheckError>;

    /// Has the model say hello, in one line. Costs the key's owner a few tokens.
    async fn greet(
        &self,
        provider: Provider,
        model_id: &str,
        key: &SecretString,
    ) -> Result<String, GreetError>;

    /// OpenRouter's public list of models that answer in text, as it came: entries that are no models are left out,
    /// the rest is not checked. Needs no key.
    async fn list(&self) -> Result<Vec<Listed>, ModelListError>;
}
