//! An assistant's secrets: sealed on the way in, opened only for a deployment.

use reef_domain::ids::AssistantId;
use reef_store::Secrets;
use secrecy::SecretString;

use crate::error::Error;
use crate::services::Services;
use crate::vault::{Place, fingerprint};

/// Where a sealed bot token belongs.
pub(crate) const BOT_TOKEN: &str = "assistants.bot_token";
/// Where a sealed model key belongs.
pub(crate) const MODEL_KEY: &str = "assistants.model_key";

/// What a hash of a bot token is a hash of.
const BOT_TOKEN_PURPOSE: &str = "reef bot token";

/// What the mark of a secret is derived for.
const MARK_PURPOSE: &str = "reef secret mark";
/// The length of a mark, in hexadecimal digits.
const MARK_LENGTH: usize = 8;

/// Known without any key, so that equal tokens are found.
pub(crate) fn bot_fingerprint(token: &str) -> Vec<u8> {
    fingerprint(BOT_TOKEN_PURPOSE, token)
}

impl Services {
    /// Seals what is given; what is not given stays as it was.
    pub(crate) fn seal_secrets(
        &self,
        id: AssistantId,
        bot_token: Option<&str>,
        model_key: Option<&str>,
    ) -> Result<Secrets, Error> {
        let seal = |column, secret: Option<&str>| {
            let place = Place { column, row: &id };
            secret.map(|secret| self.vault().seal(secret, place, &*self.ports().entropy)).transpose()
        };
        let mark =
            |secret: &str| self.vault().derive(MARK_PURPOSE, secret).chars().take(MARK_LENGTH).collect();
        Ok(Secrets {
            bot_token: seal(BOT_TOKEN, bot_token).map_err(Error::internal)?,
            bot_fingerprint: bot_token.map(bot_fingerprint),
            model_key: seal(MODEL_KEY, model_key).map_err(Error::internal)?,
            managed_key_hash: None,
            bot_token_mark: bot_token.map(mark),
            bot_token_set_at: bot_token.map(|_| self.now()),
            model_key_mark: model_key.map(mark),
            model_key_set_at: model_key.map(|_| self.now()),
        })
    }

    /// Opens the bot token.
    pub(crate) fn open_bot_token(
        &self,
        id: AssistantId,
        secrets: &Secrets,
    ) -> Result<Option<SecretString>, Error> {
        self.open_secret(id, BOT_TOKEN, secrets.bot_token.as_deref())
    }

    /// Opens the model key.
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
            .map(|sealed| self.vault().open(sealed, Place { column, row: &id }))
            .transpose()
            .map_err(Error::internal)
    }
}
