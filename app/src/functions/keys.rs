//! API keys, and the secret that signs callbacks.

use leptos::prelude::*;
use reef_domain::Timestamp;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::flash;
use crate::error::AppError;
use crate::secret::Secret;
#[cfg(feature = "ssr")]
use crate::server::{accepts_html, answer, go, signed_in};
#[cfg(feature = "ssr")]
use reef_service::api_keys::{ApiKey, NewApiKey};
#[cfg(feature = "ssr")]
use secrecy::ExposeSecret;

#[cfg(feature = "ssr")]
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// What the page of keys shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// The keys that are not revoked, newest first.
    pub keys: Vec<Key>,
    /// What signs the account's callbacks.
    pub callback_secret: Secret,
}

/// A key as its owner sees it listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// The part of it that may be shown.
    pub prefix: String,
    /// May look.
    pub read: bool,
    /// May change.
    pub write: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

#[cfg(feature = "ssr")]
impl From<ApiKey> for Key {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, name, prefix, read, write, created_at, expires_at, last_used_at, .. } = key;
        Self { id: id.to_string(), name, prefix, read, write, created_at, expires_at, last_used_at }
    }
}

/// The keys of who is signed in.
#[server(prefix = "/_fn", endpoint = "keys")]
pub async fn load_keys() -> Result<Keys, AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        let keys = services.api_keys(&caller).await?.into_iter().map(Key::from).collect();
        let callback_secret = services.callback_secret(caller.user_id).await?;
        Ok(Keys { keys, callback_secret: callback_secret.expose_secret().to_owned().into() })
    })
    .await
}

/// The key that a form without JavaScript has just made, from the address it was sent to; nothing when that is a
/// minute old, or somebody else's.
#[server(prefix = "/_fn", endpoint = "new_key")]
pub async fn load_new_key(sealed: String) -> Result<Option<Secret>, AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        Ok(flash::open(&services, caller.user_id, &sealed).map(Secret::from))
    })
    .await
}

/// Makes a key: the answer is the only one that has it.
#[server(prefix = "/_fn", endpoint = "create_key")]
pub async fn create_key(
    #[server(default)] name: String,
    #[server(default)] read: bool,
    #[server(default)] write: bool,
    #[server(default)] expires_days: u32,
) -> Result<Secret, AppError> {
    let scopes = (read.to_string(), write.to_string());
    let kept = [("read", &*scopes.0), ("write", &scopes.1), ("expires_days", &expires_days.to_string())];
    answer(&[&kept[..], &[("name", &name)]].concat(), async {
        let (services, caller) = signed_in().await?;
        let expires_in = (expires_days > 0).then(|| DAY.saturating_mul(expires_days));
        let new = NewApiKey { name: name.clone(), read, write, expires_in, ..NewApiKey::default() };
        let (_, key) = services.create_api_key(&caller, &new).await?;
        if accepts_html() {
            go(&format!("/keys?created={}", flash::seal(&services, caller.user_id, &key)?))?;
        }
        Ok(key.expose_secret().to_owned().into())
    })
    .await
}

/// Revokes a key.
#[server(prefix = "/_fn", endpoint = "revoke_key")]
pub async fn revoke_key(id: String) -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        services.revoke_api_key(&caller, &id).await?;
        go("/keys?done=revoked")
    })
    .await
}

/// Gives the account a new signing secret.
#[server(prefix = "/_fn", endpoint = "rotate_callback_secret")]
pub async fn rotate_callback_secret() -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        services.rotate_callback_secret(caller.user_id).await?;
        go("/keys?done=rotated")
    })
    .await
}
