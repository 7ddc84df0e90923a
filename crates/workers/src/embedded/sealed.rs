//! Seals and opens the settings of a worker, which contain its secrets.

use reef_assistant::Settings;
use reef_domain::wire::Provider;
use reef_ports::{Entropy, WorkerSpec};
use reef_store::WorkerRow;
use reef_vault::{SecretLocation, Vault, VaultError, WORKER_SETTINGS};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::embedded::config::Config;

/// Why the settings of a worker could not be sealed or opened.
#[derive(Debug, Error)]
pub(crate) enum SealError {
    /// The settings were sealed for another row, or with an unknown key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The settings have an unknown format. There is no source, because the parser's message can quote a secret.
    #[error("the settings of a worker could not be parsed")]
    Malformed,
}

/// The sealed content. It has no URLs, because the operator can change them between restarts.
#[derive(Serialize, Deserialize)]
struct SealedSettings {
    name: String,
    bot_token: String,
    bot_id: i64,
    bot_username: String,
    webhook_secret: String,
    provider: Provider,
    model_id: String,
    model_key: String,
}

/// The opened settings of a worker. Opening takes microseconds, less than reading the row, so they are not cached.
#[derive(Debug)]
pub(crate) struct OpenedSettings {
    pub settings: Settings,
    pub bot_id: i64,
    /// The secret that authenticates Telegram's requests to the webhook.
    pub webhook_secret: SecretString,
}

/// Seals the settings for the row of a worker.
pub(crate) fn seal(vault: &Vault, entropy: &dyn Entropy, spec: &WorkerSpec) -> Result<Vec<u8>, SealError> {
    let sealed = SealedSettings {
        name: spec.name.clone(),
        bot_token: spec.bot_token.expose_secret().to_owned(),
        bot_id: spec.bot_id,
        bot_username: spec.bot_username.clone(),
        webhook_secret: spec.webhook_secret.expose_secret().to_owned(),
        provider: spec.provider,
        model_id: spec.model_id.clone(),
        model_key: spec.model_key.expose_secret().to_owned(),
    };
    let text = SecretString::from(serde_json::to_string(&sealed).map_err(|_| SealError::Malformed)?);
    let place = SecretLocation { column: WORKER_SETTINGS, row: &spec.worker.worker_name };
    Ok(vault.seal(text.expose_secret(), place, entropy)?)
}

/// Opens the settings in the row of a worker.
pub(crate) fn open(vault: &Vault, config: &Config, worker: &WorkerRow) -> Result<OpenedSettings, SealError> {
    let text =
        vault.open(&worker.settings, SecretLocation { column: WORKER_SETTINGS, row: &worker.worker_name })?;
    let sealed: SealedSettings =
        serde_json::from_str(text.expose_secret()).map_err(|_| SealError::Malformed)?;
    let settings = Settings {
        name: sealed.name,
        bot_token: sealed.bot_token,
        bot_username: sealed.bot_username,
        telegram_url: config.telegram_url.clone(),
        provider: sealed.provider,
        provider_url: config.provider_urls.get(sealed.provider).to_owned(),
        model_id: sealed.model_id,
        api_key: sealed.model_key,
        credit: None,
    };
    Ok(OpenedSettings { settings, bot_id: sealed.bot_id, webhook_secret: sealed.webhook_secret.into() })
}
