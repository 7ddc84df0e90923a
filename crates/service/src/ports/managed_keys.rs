//! Model keys that Reef makes for managed assistants.

use async_trait::async_trait;
use reef_domain::{Timestamp, Usd};
use secrecy::SecretString;
use thiserror::Error;

/// How many keys a full page of [`ManagedKeys::list`] has.
pub const KEYS_PAGE: usize = 100;

/// A key that was made.
#[derive(Clone, Debug)]
pub struct ManagedKey {
    /// The provider's name for it.
    pub hash: String,
    /// The key; shown once.
    pub key: SecretString,
}

/// What the provider says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The provider's name for it.
    pub hash: String,
    /// What it was called when it was made.
    pub name: String,
    /// Whether it is refused for now.
    pub disabled: bool,
    /// What may be spent through it in all; `None` is no limit.
    pub limit: Option<Usd>,
    /// What has been spent through it.
    pub used: Usd,
    /// When it was made, if the provider says so.
    pub created_at: Option<Timestamp>,
}

/// The provider did not do it, or its answer was lost; trying again may help.
#[derive(Debug, Error)]
#[error("managed keys unavailable: {0}")]
pub struct ManagedKeyError(pub String);

/// Makes, changes and ends model keys.
#[async_trait]
pub trait ManagedKeys: Send + Sync {
    /// Makes a key called `name` with a credit limit. Names are not unique: who asks again after a lost answer
    /// has to look for the first one.
    async fn create(&self, name: &str, limit: Usd) -> Result<ManagedKey, ManagedKeyError>;

    /// A page of all keys, disabled ones too, newest first, after `offset` others. One with fewer than
    /// [`KEYS_PAGE`] is the last.
    async fn list(&self, offset: usize) -> Result<Vec<KeyInfo>, ManagedKeyError>;

    /// Sets a key's limit and whether it is disabled; `None` when there is no such key.
    async fn update(
        &self,
        hash: &str,
        limit: Usd,
        disabled: bool,
    ) -> Result<Option<KeyInfo>, ManagedKeyError>;

    /// Ends a key. One that is unknown already is success.
    async fn delete(&self, hash: &str) -> Result<(), ManagedKeyError>;
}
