//! API keys, and the secret that signs webhooks. A form that is sent twice creates one key, because only the second of two could
//! be shown.

#![expect(
    clippy::too_many_arguments,
    reason = "server functions have an argument for each field of their form"
)]

use std::time::Duration;

use leptos::prelude::*;
use reef_service::Error;
use reef_service::api_keys::{KeyState, NewApiKey, Overlap};

use crate::error::AppError;
use crate::flash::{Message, Notice, redirect_with_notice, redirect_with_secret_once};
use crate::secret::Secret;
use crate::server::{authenticate, authenticate_with_password, run_form};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The value of `reach` for a key that is limited to the checked assistants.
pub const SELECTED: &str = "chosen";

/// Creates a key, which only the page that follows shows.
#[server(prefix = "/_fn", endpoint = "create_key")]
pub async fn create_key(
    #[server(default)] name: String,
    #[server(default)] read: bool,
    #[server(default)] write: bool,
    #[server(default)] expires_days: u32,
    #[server(default)] reach: String,
    #[server(default)] assistants: Vec<String>,
    #[server(default)] password: Secret,
    #[server(default)] token: String,
) -> Result<(), AppError> {
    let scopes = (read.to_string(), write.to_string());
    let (days, checked) = (expires_days.to_string(), assistants.join(" "));
    let values = [
        ("name", &*name),
        ("read", &scopes.0),
        ("write", &scopes.1),
        ("expires_days", &days),
        ("reach", &reach),
        ("assistants[]", &checked),
    ];
    run_form(&values, async {
        let (services, caller) = authenticate_with_password(&password).await?;
        let assistants = allowed_assistants(&reach, assistants)?;
        let expires_in = (expires_days > 0).then(|| DAY.saturating_mul(expires_days));
        let new = NewApiKey { name: name.clone(), read, write, expires_in, assistants };
        let content = format!("create key {new:?}");
        let creator = services.clone();
        let creation = async move { Ok(creator.create_api_key(&caller, &new).await?.1) };
        let message = |key| Message::NewKey { notice: Notice::KeyCreated, key };
        let form = (&*token, &*content);
        redirect_with_secret_once("/keys", (&services, &caller), form, message, creation).await
    })
    .await
}

/// The assistants that a form limits a key to; empty for all of them. Checked assistants count only with [`SELECTED`], and a key
/// that was meant to be limited must not reach all assistants.
fn allowed_assistants(reach: &str, checked: Vec<String>) -> Result<Vec<String>, Error> {
    match (reach == SELECTED, checked.is_empty()) {
        (true, true) => {
            let message = "Select at least one assistant, or choose All assistants.";
            Err(Error::invalid_field("assistants", "required", message))
        }
        (true, false) => Ok(checked),
        (false, _) => Ok(Vec::new()),
    }
}

/// Replaces a key with a new one. The old key keeps working for the chosen overlap.
#[server(prefix = "/_fn", endpoint = "rotate_key")]
pub async fn rotate_key(
    id: String,
    #[server(default)] overlap: String,
    #[server(default)] password: Secret,
    #[server(default)] token: String,
) -> Result<(), AppError> {
    run_form(&[("id", &id), ("overlap", &overlap)], async {
        let (services, caller) = authenticate_with_password(&password).await?;
        let unknown =
            || Error::invalid_field("", "invalid_value", "Choose how long the old key keeps working.");
        let overlap = Overlap::parse(&overlap).ok_or_else(unknown)?;
        let content = format!("rotate key {id}");
        let (rotator, old) = (services.clone(), id.clone());
        let rotation = async move { Ok(rotator.rotate_api_key(&caller, &old, overlap).await?.1) };
        let message = |key| Message::NewKey { notice: Notice::KeyRotated, key };
        let form = (&*token, &*content);
        redirect_with_secret_once("/keys", (&services, &caller), form, message, rotation).await
    })
    .await
}

/// Revokes an API key. An expired key no longer works, so for it pages call this “Remove”.
#[server(prefix = "/_fn", endpoint = "revoke_key")]
pub async fn revoke_key(id: String) -> Result<(), AppError> {
    run_form(&[("id", &id)], async {
        let (services, caller) = authenticate().await?;
        let has_expired =
            services.get_api_key(&caller, &id).await?.state(services.now()) == KeyState::Expired;
        services.revoke_api_key(&caller, &id).await?;
        let notice = if has_expired { Notice::KeyRemoved } else { Notice::KeyRevoked };
        redirect_with_notice("/keys", notice).await
    })
    .await
}

/// Rotates the signing secret, once for each form: rotating twice would end the old secret, which signs for another 24 hours.
#[server(prefix = "/_fn", endpoint = "rotate_callback_secret")]
pub async fn rotate_callback_secret(
    #[server(default)] password: Secret,
    #[server(default)] token: String,
) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate_with_password(&password).await?;
        let rotator = services.clone();
        let rotation = async move { rotator.rotate_signing_secret(&caller).await };
        services.once_per_form(&caller, &token, "rotate callback secret", rotation).await?;
        redirect_with_notice("/keys", Notice::SigningSecretRotated).await
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limited_key_without_assistants_is_refused() {
        let checked = vec!["1".to_owned()];
        assert_eq!(allowed_assistants(SELECTED, checked.clone()).unwrap(), checked);
        assert!(allowed_assistants(SELECTED, Vec::new()).is_err());
        assert!(allowed_assistants("all", checked).unwrap().is_empty());
    }
}
