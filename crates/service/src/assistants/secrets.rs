//! An assistant's bot token and model key: sealed when they are stored, opened for checks and deployments.

use reef_domain::ids::AssistantId;
use reef_store::Secrets;
use secrecy::SecretString;

use crate::error::Error;
use crate::services::Services;
use reef_vault::{SecretLocation, fingerprint};

/// The column that a sealed bot token is bound to.
pub(crate) const BOT_TOKEN: &str = "assistants.bot_token";
/// The column that a sealed model key is bound to.
pub(crate) const MODEL_KEY: &str = "assistants.model_key";

const BOT_TOKEN_PURPOSE: &str = "reef bot token";

/// The purpose of the fingerprints that pages show. Stored fingerprints depend on this text, so it must not change.
const FINGERPRINT_PURPOSE: &str = "reef secret mark";
/// The length of a shown fingerprint in hexadecimal digits.
const FINGERPRINT_LENGTH: usize = 8;

/// An unkeyed hash, so that equal tokens are found with any secret key.
pub(crate) fn bot_fingerprint(token: &str) -> Vec<u8> {
    fingerprint(BOT_TOKEN_PURPOSE, token)
}

impl Services {
    /// Seals the given values with their fingerprints. A value that is `None` leaves the stored one as it is.
    pub(crate) fn seal_secrets(
        &self,
        id: AssistantId,
        bot_token: Option<&str>,
        model_key: Option<&str>,
    ) -> Result<Secrets, Error> {
        let seal = |column, secret: Option<&str>| {
            let place = SecretLocation { column, row: &id };
            secret.map(|secret| self.vault().seal(secret, place, &*self.ports().entropy)).transpose()
        };
        let fingerprint = |secret: &str| {
            self.vault().derive(FINGERPRINT_PURPOSE, secret).chars().take(FINGERPRINT_LENGTH).collect()
        };
        Ok(Secrets {
            bot_token: seal(BOT_TOKEN, bot_token).map_err(Error::internal)?,
            bot_token_hash: bot_token.map(bot_fingerprint),
            model_key: seal(MODEL_KEY, model_key).map_err(Error::internal)?,
            managed_key_hash: None,
            bot_token_fingerprint: bot_token.map(fingerprint),
            bot_token_set_at: bot_token.map(|_| self.now()),
            model_key_fingerprint: model_key.map(fingerprint),
            model_key_set_at: model_key.map(|_| self.now()),
        })
    }

    pub(crate) fn open_bot_token(
        &self,
        id: AssistantId,
        secrets: &Secrets,
    ) -> Result<Option<SecretString>, Error> {
        self.open_secret(id, BOT_TOKEN, secrets.bot_token.as_deref())
    }

    pub(crate) fn open_model_key(
        &self,
        id: AssistantId,
        secrets: &Secrets,
    ) -> Result<Option<SecretString>, Error> {
        self.open_secret(id, MODEL_KEY, secrets.model_key.as_deref())
    }

    fn open_secret(
        &self,
        id: AssistantId,
        column: &'static str,
        sealed: Option<&[u8]>,
    ) -> Result<Option<SecretString>, Error> {
        sealed
            .map(|sealed| self.vault().open(sealed, SecretLocation { column, row: &id }))
            .transpose()
            .map_err(Error::internal)
    }
}
