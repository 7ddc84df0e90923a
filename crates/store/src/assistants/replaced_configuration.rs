//! What a change of a running assistant replaced, until the run with the new values is active.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::wire::Provider;
use sqlx::FromRow;

use super::Secrets;
use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// A configuration that a change replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct ReplacedConfiguration {
    /// Whether it is deployed again when the run that replaces it fails. If not, only the webhook of its bot is left
    /// to delete.
    pub is_fallback: bool,
    pub replaced_at: Timestamp,
    pub provider: Option<Provider>,
    pub model_id: Option<String>,
    /// The secrets that were replaced, sealed. Those that stayed are `None`.
    pub secrets: Secrets,
}

#[derive(FromRow)]
struct Row {
    is_fallback: bool,
    replaced_at: Timestamp,
    provider: Option<String>,
    model_id: Option<String>,
    bot_token: Option<Vec<u8>>,
    bot_token_hash: Option<Vec<u8>>,
    bot_token_fingerprint: Option<String>,
    bot_token_set_at: Option<Timestamp>,
    model_key: Option<Vec<u8>>,
    model_key_fingerprint: Option<String>,
    model_key_set_at: Option<Timestamp>,
}

impl Row {
    fn into_configuration(self, id: AssistantId) -> Result<ReplacedConfiguration, StoreError> {
        let corrupt = || StoreError::corrupt("replaced_configurations", id);
        let provider = match &self.provider {
            Some(text) => Some(Provider::parse(text).ok_or_else(corrupt)?),
            None => None,
        };
        let secrets = Secrets {
            bot_token: self.bot_token,
            bot_token_hash: self.bot_token_hash,
            model_key: self.model_key,
            managed_key_hash: None,
            bot_token_fingerprint: self.bot_token_fingerprint,
            bot_token_set_at: self.bot_token_set_at,
            model_key_fingerprint: self.model_key_fingerprint,
            model_key_set_at: self.model_key_set_at,
        };
        let Self { is_fallback, replaced_at, model_id, .. } = self;
        Ok(ReplacedConfiguration { is_fallback, replaced_at, provider, model_id, secrets })
    }
}

impl Tx {
    /// Stores the replaced configuration of an assistant, in place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn upsert_replaced_configuration(
        &mut self,
        id: AssistantId,
        replaced: &ReplacedConfiguration,
    ) -> Result<(), StoreError> {
        self.delete_replaced_configuration(id).await?;
        let secrets = &replaced.secrets;
        execute!(
            self,
            "insert into replaced_configurations (assistant_id, is_fallback, replaced_at, provider, model_id, bot_token,
                    bot_token_hash, bot_token_fingerprint, bot_token_set_at, model_key, model_key_fingerprint,
                    model_key_set_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            id,
            replaced.is_fallback,
            replaced.replaced_at,
            replaced.provider.map(Provider::as_str),
            &replaced.model_id,
            &secrets.bot_token,
            &secrets.bot_token_hash,
            &secrets.bot_token_fingerprint,
            secrets.bot_token_set_at,
            &secrets.model_key,
            &secrets.model_key_fingerprint,
            secrets.model_key_set_at,
        );
        Ok(())
    }

    /// Finds the replaced configuration of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_replaced_configuration(
        &mut self,
        id: AssistantId,
    ) -> Result<Option<ReplacedConfiguration>, StoreError> {
        let row: Option<Row> = fetch_optional!(
            self,
            Row,
            "select is_fallback, replaced_at, provider, model_id, bot_token, bot_token_hash, bot_token_fingerprint,
                    bot_token_set_at, model_key, model_key_fingerprint, model_key_set_at
             from replaced_configurations where assistant_id = $1",
            id,
        );
        row.map(|row| row.into_configuration(id)).transpose()
    }

    /// Restores the secrets that were replaced. Those that are `None` stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn restore_secrets(&mut self, id: AssistantId, secrets: &Secrets) -> Result<(), StoreError> {
        if secrets.bot_token.is_some() {
            execute!(
                self,
                "update assistants set bot_token = $2, bot_token_hash = $3, bot_token_fingerprint = $4,
                        bot_token_set_at = $5
                 where id = $1",
                id,
                &secrets.bot_token,
                &secrets.bot_token_hash,
                &secrets.bot_token_fingerprint,
                secrets.bot_token_set_at,
            );
        }
        if secrets.model_key.is_some() {
            execute!(
                self,
                "update assistants set model_key = $2, model_key_fingerprint = $3, model_key_set_at = $4
                 where id = $1",
                id,
                &secrets.model_key,
                &secrets.model_key_fingerprint,
                secrets.model_key_set_at,
            );
        }
        Ok(())
    }

    /// Gives up the fallback of an assistant: everything is deleted but the bot token, which is needed to delete the
    /// webhook of that bot. `false` when no bot token is left.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn discard_fallback(&mut self, id: AssistantId) -> Result<bool, StoreError> {
        execute!(
            self,
            "delete from replaced_configurations where assistant_id = $1 and bot_token is null",
            id
        );
        let updated = execute!(
            self,
            "update replaced_configurations set is_fallback = false, model_key = null, model_key_fingerprint = null,
                    model_key_set_at = null
             where assistant_id = $1",
            id
        );
        Ok(updated == 1)
    }

    /// Deletes the replaced configuration of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_replaced_configuration(&mut self, id: AssistantId) -> Result<(), StoreError> {
        execute!(self, "delete from replaced_configurations where assistant_id = $1", id);
        Ok(())
    }

    /// Deletes replaced configurations of active assistants, which need none; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_replaced_configurations(&mut self) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "delete from replaced_configurations
             where exists (select 1 from assistants
                           where assistants.id = replaced_configurations.assistant_id and status = 'active')",
        ))
    }

    /// Whether another assistant that is deploying would restore this bot token if its run failed. With `owner`, only
    /// assistants of that user count.
    pub(super) async fn is_bot_fallback(
        &mut self,
        fingerprint: &[u8],
        except: AssistantId,
        owner: Option<UserId>,
    ) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from replaced_configurations as r join assistants as a on a.id = r.assistant_id
             where r.bot_token_hash = $1 and r.is_fallback and a.id <> $2 and a.user_id = coalesce($3, a.user_id)
               and a.status = 'deploying'",
            fingerprint,
            except,
            owner,
        );
        Ok(row.is_some_and(|(count,)| count > 0))
    }
}
