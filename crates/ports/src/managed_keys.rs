//! Model keys that Reef creates for managed assistants.

use async_trait::async_trait;
use reef_domain::{Timestamp, Usd};
use secrecy::SecretString;
use thiserror::Error;

/// The number of keys on a full page of [`ManagedKeys::list`].
pub const KEYS_PAGE_SIZE: usize = 100;

/// A key that was created.
#[derive(Clone, Debug)]
pub struct ManagedKey {
    /// The provider's identifier of the key.
    pub hash: String,
    /// The key itself, which the provider returns only once.
    pub key: SecretString,
}

/// What the provider knows about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedKeyInfo {
    /// The provider's identifier of the key.
    pub hash: String,
    /// The name it was created with.
    pub name: String,
    /// Whether the provider refuses it for now.
    pub disabled: bool,
    /// What may be spent with it in total; `None` for no limit.
    pub limit: Option<Usd>,
    /// What was spent with it so far.
    pub used: Usd,
    /// When it was created, if the provider says so.
    pub created_at: Option<Timestamp>,
}

/// The provider did not carry out a request, or its response was lost. Trying again may help.
#[derive(Debug, Error)]
#[error("managed keys unavailable: {0}")]
pub struct ManagedKeyError(pub String);

/// Creates, updates and deletes model keys.
#[async_trait]
pub trait ManagedKeys: Send + Sync {
    /// Creates a key called `name` with a credit limit. Names are not unique, so after a lost response the first key
    /// has to be found with [`Self::list`].
    async fn create(&self, name: &str, limit: Usd) -> Result<ManagedKey, ManagedKeyError>;

    /// Lists one page of keys, disabled ones included, newest first, after `offset` others. A page of fewer than
    /// [`KEYS_PAGE_SIZE`] keys is the last.
    async fn list(&self, offset: usize) -> Result<Vec<ManagedKeyInfo>, ManagedKeyError>;

    /// Sets a key's limit and whether it is disabled; `None` when there is no such key.
    async fn update(
        &self,
        hash: &str,
        limit: Usd,
        disabled: bool,
    ) -> Result<Option<ManagedKeyInfo>, ManagedKeyError>;

    /// Deletes a key. An unknown key counts as deleted.
    async fn delete(&self, hash: &str) -> Result<(), ManagedKeyError>;
}
