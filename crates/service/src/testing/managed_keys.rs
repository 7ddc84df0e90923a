//! A provider that creates model keys.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use reef_domain::{Timestamp, Usd};

use crate::testing::script::{Script, lock};
use reef_ports::{KEYS_PAGE_SIZE, ManagedKey, ManagedKeyError, ManagedKeyInfo, ManagedKeys};

/// Creates and deletes keys. Its scripted calls are `create`, `list`, `update` and `delete`.
#[derive(Default)]
pub struct FakeManagedKeys {
    /// The scripted failures of its calls.
    pub script: Script<ManagedKeyError>,
    /// The existing keys, newest last.
    keys: Mutex<Vec<ManagedKeyInfo>>,
    created: Mutex<usize>,
}

impl FakeManagedKeys {
    /// The hashes and names of the existing keys, disabled ones included.
    #[must_use]
    pub fn names_by_hash(&self) -> BTreeMap<String, String> {
        lock(&self.keys).iter().map(|key| (key.hash.clone(), key.name.clone())).collect()
    }

    /// The existing keys, oldest first.
    #[must_use]
    pub fn keys(&self) -> Vec<ManagedKeyInfo> {
        lock(&self.keys).clone()
    }

    /// Changes every key at the provider, as using a key or an operator there would.
    pub fn update_all(&self, change: impl Fn(&mut ManagedKeyInfo)) {
        lock(&self.keys).iter_mut().for_each(change);
    }

    /// Deletes keys at the provider, without Reef.
    pub fn remove(&self, is_lost: impl Fn(&ManagedKeyInfo) -> bool) {
        lock(&self.keys).retain(|key| !is_lost(key));
    }

    /// Adds a key at the provider, without Reef.
    pub fn insert(&self, key: ManagedKeyInfo) {
        lock(&self.keys).push(key);
    }
}

#[async_trait]
impl ManagedKeys for FakeManagedKeys {
    async fn create(&self, name: &str, limit: Usd) -> Result<ManagedKey, ManagedKeyError> {
        let create = || {
            let mut created = lock(&self.created);
            *created += 1;
            let hash = format!("keyhash-{created}");
            lock(&self.keys).push(ManagedKeyInfo {
                hash: hash.clone(),
                name: name.to_owned(),
                disabled: false,
                limit: Some(limit),
                used: Usd::ZERO,
                created_at: Some(Timestamp::from_unix_ms(0)),
            });
            Ok(ManagedKey { key: format!("sk-or-managed-secret-{created}").into(), hash })
        };
        self.script.perform("create", create).await
    }

    async fn list(&self, offset: usize) -> Result<Vec<ManagedKeyInfo>, ManagedKeyError> {
        let list = || Ok(lock(&self.keys).iter().rev().skip(offset).take(KEYS_PAGE_SIZE).cloned().collect());
        self.script.perform("list", list).await
    }

    async fn update(
        &self,
        hash: &str,
        limit: Usd,
        disabled: bool,
    ) -> Result<Option<ManagedKeyInfo>, ManagedKeyError> {
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
