//! A provider that makes model keys.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::script::{Script, lock};
use crate::ports::{ManagedKey, ManagedKeyError, ManagedKeys};

/// Makes and ends keys; `create` and `delete` are its calls.
#[derive(Default)]
pub struct FakeManagedKeys {
    /// What goes wrong.
    pub script: Script<ManagedKeyError>,
    live: Mutex<BTreeMap<String, String>>,
    made: Mutex<usize>,
}

impl FakeManagedKeys {
    /// The live keys: hash and name.
    #[must_use]
    pub fn live(&self) -> BTreeMap<String, String> {
        lock(&self.live).clone()
    }
}

#[async_trait]
impl ManagedKeys for FakeManagedKeys {
    async fn create(&self, name: &str, _limit_usd: f64) -> Result<ManagedKey, ManagedKeyError> {
        let create = || {
            let mut made = lock(&self.made);
            *made += 1;
            let hash = format!("keyhash-{made}");
            let mut live = lock(&self.live);
            live.retain(|_, other| other != name);
            live.insert(hash.clone(), name.to_owned());
            Ok(ManagedKey { key: format!("sk-or-managed-secret-{made}").into(), hash })
        };
        self.script.perform("create", create).await
    }

    async fn delete(&self, hash: &str) -> Result<(), ManagedKeyError> {
        let delete = || {
            lock(&self.live).remove(hash);
            Ok(())
        };
        self.script.perform("delete", delete).await
    }
}
