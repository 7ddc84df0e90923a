//! An assistant's secrets, sealed, and what its owner may see of them.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// An assistant's secrets, sealed, and what may be known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Secrets {
    /// The bot token, sealed.
    pub bot_token: Option<Vec<u8>>,
    /// A hash of the bot token by which an equal one is found.
    #[sqlx(rename = "bot_token_hash")]
    pub bot_fingerprint: Option<Vec<u8>>,
    /// The model key, sealed.
    pub model_key: Option<Vec<u8>>,
    /// OpenRouter's name for the key it made, in managed mode.
    pub managed_key_hash: Option<String>,
    /// By what the owner knows the bot token again: the beginning of a keyed hash.
    #[sqlx(rename = "bot_token_fingerprint")]
    pub bot_token_mark: Option<String>,
    /// Since when this bot token is kept.
    pub bot_token_set_at: Option<Timestamp>,
    /// By what the owner knows the model key again.
    #[sqlx(rename = "model_key_fingerprint")]
    pub model_key_mark: Option<String>,
    /// Since when this model key is kept.
    pub model_key_set_at: Option<Timestamp>,
}

impl Tx {
    /// An assistant's secrets; all absent when there is no such assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn secrets(&mut self, id: AssistantId) -> Result<Secrets, StoreError> {
        let row: Option<Secrets> = fetch_optional!(
            self,
            Secrets,
            "select bot_token, bot_token_hash, model_key, managed_key_hash, bot_token_fingerprint, bot_token_set_at,
                    model_key_fingerprint, model_key_set_at from assistants where id = $1",
            id,
        );
        Ok(row.unwrap_or_default())
    }

    /// Replaces those secrets that are given; the others stay.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_secrets(&mut self, id: AssistantId, secrets: &Secrets) -> Result<(), StoreError> {
        execute!(
            self,
            "update assistants set bot_token = coalesce($2, bot_token), bot_token_hash = coalesce($3, bot_token_hash),
                    model_key = coalesce($4, model_key), managed_key_hash = coalesce($5, managed_key_hash),
                    bot_token_fingerprint = coalesce($6, bot_token_fingerprint),
                    bot_token_set_at = coalesce($7, bot_token_set_at),
                    model_key_fingerprint = coalesce($8, model_key_fingerprint),
                    model_key_set_at = coalesce($9, model_key_set_at)
             where id = $1",
            id,
            &secrets.bot_token,
            &secrets.bot_fingerprint,
            &secrets.model_key,
            &secrets.managed_key_hash,
            &secrets.bot_token_mark,
            secrets.bot_token_set_at,
            &secrets.model_key_mark,
            secrets.model_key_set_at,
        );
        Ok(())
    }
}
