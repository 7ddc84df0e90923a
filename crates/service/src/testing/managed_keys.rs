//! A provider that creates model keys.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use reef_domain::{Timestamp, Usd};

use super::script::{Script, lock};
use crate::ports::{KEYS_PAGE, KeyInfo, ManagedKey, ManagedKeyError, ManagedKeys};

/// Creates and deletes keys. Its scripted calls are `create`, `list`, `update` and `delete`.
#[derive(Default)]
pub struct FakeManagedKeys {
    /// The scripted failures of its calls.
    pub script: Script<ManagedKeyError>,
    /// The existing keys, newest last.
    keys: Mutex<Vec<KeyInfo>>,
    made: Mutex<usize>,
}

impl FakeManagedKeys {
    /// The hashes and names of the existing keys, disabled ones included.
    #[must_use]
    pub fn live(&self) -> BTreeMap<String, String> {
        lock(&self.keys).iter().map(|key| (key.hash.clone(), key.name.clone())).collect()
    }

    /// The existing keys, oldest first.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyInfo> {
        lock(&self.keys).clone()
    }

    /// Changes every key at the provider, as using a key or an operator there would.
    pub fn change(&self, change: impl Fn(&mut KeyInfo)) {
        lock(&self.keys).iter_mut().for_each(change);
    }

    /// Deletes keys at the provider, without Reef.
    pub fn lose(&self, is_lost: impl Fn(&KeyInfo) -> bool) {
        lock(&self.keys).retain(|key| !is_lost(key));
    }

    /// Adds a key at the provider, without Reef.
    pub fn put(&self, key: KeyInfo) {
        lock(&self.keys).push(key);
    }
}

#[async_trait]
impl ManagedKeys for FakeManagedKeys {
    async fn create(&self, name: &str, limit: Usd) -> Result<ManagedKey, ManagedKeyError> {
        let create = || {
            let mut made = lock(&self.made);
            *made += 1;
            let hash = format!("keyhash-{made}");
            lock(&self.keys).push(KeyInfo {
                hash: hash.clone(),
                name: name.to_owned(),
                disabled: false,
                limit: Some(limit),
                used: Usd::ZERO,
                created_at: Some(Timestamp::from_unix_ms(0)),
            });
            Ok(ManagedKey { key: format!("sk-or-managed-secret-{made}").into(), hash })
        };
        self.script.perform("create", create).await
    }

    async fn list(&self, offset: usize) -> Result<Vec<KeyInfo>, ManagedKeyError> {
        let list = || Ok(lock(&self.keys).iter().rev().skip(offset).take(KEYS_PAGE).cloned().collect());
        self.script.perform("list", list).await
    }

    async fn update(
        &self,
        hash: &str,
        limit: Usd,
        disabled: bool,
    ) -> Result<Option<KeyInfo>, ManagedKeyError> {
        let update = || {
            let mut keys = lock(&self.keys);
            let Some(key) = keys.iter_mut().find(|key| key.hash == hash) else { return Ok(None) };
            (key.limit, key.disabled) = (Some(limit), disabled);
            Ok(Some(key.clone()))
        };
        self.script.perform("update", update).await
    }

    async fn delete(&self, hash: &str) -> Result<(), ManagedKeyError> {
        let delete = || {
            lock(&self.keys).retain(|key| key.hash != hash);
            Ok(())
        };
        self.script.perform("delete", delete).await
    }
}
