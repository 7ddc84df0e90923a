//! An assistant's secrets, sealed, and what its owner may see of them.

use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// An assistant's secrets, sealed, and what identifies them.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Secrets {
    /// The bot token, sealed.
    pub bot_token: Option<Vec<u8>>,
    /// A hash of the bot token that is the same for equal tokens.
    pub bot_token_hash: Option<Vec<u8>>,
    /// The model key, sealed.
    pub model_key: Option<Vec<u8>>,
    /// OpenRouter's name for the key that Reef created, on a managed plan.
    pub managed_key_hash: Option<String>,
    /// The beginning of a keyed hash of the bot token, for its owner to compare.
    pub bot_token_fingerprint: Option<String>,
    pub bot_token_set_at: Option<Timestamp>,
    /// The beginning of a keyed hash of the model key.
    pub model_key_fingerprint: Option<String>,
    pub model_key_set_at: Option<Timestamp>,
}

/// What the page of an assistant shows in addition to its record. No secret leaves the database for it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct PageRow {
    /// Where it can be paid for, once Polar has created a checkout.
    pub checkout_url: Option<String>,
    pub bot_id: Option<i64>,
    pub bot_username: Option<String>,
    pub has_bot_token: bool,
    pub bot_token_fingerprint: Option<String>,
    pub bot_token_set_at: Option<Timestamp>,
    pub has_model_key: bool,
    pub model_key_fingerprint: Option<String>,
    pub model_key_set_at: Option<Timestamp>,
    /// Whether a configuration is stored that is restored if the run fails.
    pub has_fallback: bool,
}

impl Tx {
    /// Finds what the page of an assistant shows in addition to its record.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_page_row(&mut self, id: AssistantId) -> Result<Option<PageRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            PageRow,
            "select checkout_url, bot_id, bot_username, bot_token is not null as has_bot_token, bot_token_fingerprint,
                    bot_token_set_at, model_key is not null as has_model_key, model_key_fingerprint, model_key_set_at,
                    exists (select 1 from replaced_configurations
                            where assistant_id = assistants.id and is_fallback) as has_fallback
             from assistants where id = $1",
            id,
        ))
    }

    /// Reads the secrets of an assistant; all are `None` when there is no such assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn get_secrets(&mut self, id: AssistantId) -> Result<Secrets, StoreError> {
        let row: Option<Secrets> = fetch_optional!(
            self,
            Secrets,
            "select bot_token, bot_token_hash, model_key, managed_key_hash, bot_token_fingerprint, bot_token_set_at,
                    model_key_fingerprint, model_key_set_at from assistants where id = $1",
            id,
        );
        Ok(row.unwrap_or_default())
    }

    /// Replaces the secrets that are given. Those that are `None` stay.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_secrets(&mut self, id: AssistantId, secrets: &Secrets) -> Result<(), StoreError> {
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
            &secrets.bot_token_hash,
            &secrets.model_key,
            &secrets.managed_key_hash,
            &secrets.bot_token_fingerprint,
            secrets.bot_token_set_at,
            &secrets.model_key_fingerprint,
            secrets.model_key_set_at,
        );
        Ok(())
    }
}
