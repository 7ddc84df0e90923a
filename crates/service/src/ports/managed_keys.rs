//! Model keys that Reef makes for managed assistants.

use async_trait::async_trait;
use secrecy::SecretString;
use thiserror::Error;

/// A key that was made.
#[derive(Clone, Debug)]
pub struct ManagedKey {
    /// The provider's name for it.
    pub hash: String,
    /// The key; shown once.
    pub key: SecretString,
}

/// The provider did not do it; trying again may help.
#[derive(Debug, Error)]
#[error("managed keys unavailable: {0}")]
pub struct ManagedKeyError(pub String);

/// Makes and ends model keys.
#[async_trait]
pub trait ManagedKeys: Send + Sync {
    /// Makes a key called `name` with a credit limit in US dollars. A key of that name that is there
    /// already, from a try whose answer was lost, is ended first, for its value can't be read again.
    async fn create(&self, name: &str, limit_usd: f64) -> Result<ManagedKey, ManagedKeyError>;

    /// Ends a key. One that is unknown already is success.
    async fn delete(&self, hash: &str) -> Result<(), ManagedKeyError>;
}
