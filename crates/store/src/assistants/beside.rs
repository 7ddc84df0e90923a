//! What belongs to an assistant and is not in its record: secrets, the checkout, and what stays when it is deleted.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// An assistant's secrets, sealed, and what may be known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Secrets {
    /// The bot token, sealed.
    pub bot_token: Option<Vec<u8>>,
    /// A hash of the bot token by which an equal one is found.
    pub bot_fingerprint: Option<Vec<u8>>,
    /// The model key, sealed.
    pub model_key: Option<Vec<u8>>,
    /// OpenRouter's name for the key it made, in managed mode.
    pub managed_key_hash: Option<String>,
    /// By what the owner knows the bot token again: the beginning of a keyed hash.
    pub bot_token_mark: Option<String>,
    /// Since when this bot token is kept.
    pub bot_token_set_at: Option<Timestamp>,
    /// By what the owner knows the model key again.
    pub model_key_mark: Option<String>,
    /// Since when this model key is kept.
    pub model_key_set_at: Option<Timestamp>,
}

/// The bot that an assistant answers as.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct BotRow {
    /// Telegram's id of it.
    pub bot_id: i64,
    /// Its @name.
    pub bot_username: String,
}

impl Tx {
    /// Notes the checkout made for a slot.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_checkout(
        &mut self,
        id: AssistantId,
        checkout: &str,
        url: &str,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update assistants set checkout_id = $2, checkout_url = $3 where id = $1",
            id,
            checkout,
            url
        );
        // Known even after the slot has been deleted.
        execute!(self, "update polar_asks set checkout_id = $2 where assistant_id = $1", id, checkout);
        Ok(())
    }

    /// Where a slot can be paid.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn checkout_url(&mut self, id: AssistantId) -> Result<Option<String>, StoreError> {
        let row: Option<(Option<String>,)> =
            fetch_optional!(self, (Option<String>,), "select checkout_url from assistants where id = $1", id);
        Ok(row.and_then(|(url,)| url))
    }

    /// The checkout made for a slot: its id and where it can be paid.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn checkout_of(&mut self, id: AssistantId) -> Result<Option<(String, String)>, StoreError> {
        Ok(fetch_optional!(
            self,
            (String, String),
            "select checkout_id, checkout_url from assistants
             where id = $1 and checkout_id is not null and checkout_url is not null",
            id
        ))
    }

    /// Notes the bot that a run answers as, while it is the current one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_bot(
        &mut self,
        id: AssistantId,
        generation: i64,
        bot: &BotRow,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update assistants set bot_id = $3, bot_username = $4 where id = $1 and generation = $2",
            id,
            generation,
            bot.bot_id,
            &bot.bot_username,
        );
        Ok(())
    }

    /// The bot that an assistant last answered as; `None` before its first deployment.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bot_of(&mut self, id: AssistantId) -> Result<Option<BotRow>, StoreError> {
        Ok(fetch_optional!(
            self,
            BotRow,
            "select bot_id, bot_username from assistants
             where id = $1 and bot_id is not null and bot_username is not null",
            id
        ))
    }

    /// An assistant's secrets; all absent when there is no such assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn secrets(&mut self, id: AssistantId) -> Result<Secrets, StoreError> {
        let row: Option<Secrets> = fetch_optional!(
            self,
            Secrets,
            "select bot_token, bot_fingerprint, model_key, managed_key_hash, bot_token_mark, bot_token_set_at,
                    model_key_mark, model_key_set_at from assistants where id = $1",
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
            "update assistants set bot_token = coalesce($2, bot_token), bot_fingerprint = coalesce($3, bot_fingerprint),
                    model_key = coalesce($4, model_key), managed_key_hash = coalesce($5, managed_key_hash),
                    bot_token_mark = coalesce($6, bot_token_mark), bot_token_set_at = coalesce($7, bot_token_set_at),
                    model_key_mark = coalesce($8, model_key_mark), model_key_set_at = coalesce($9, model_key_set_at)
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

    /// Deletes an assistant and everything of it that is not a record of what was said to its owner;
    /// a tombstone keeps its id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_assistant(
        &mut self,
        id: AssistantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        execute!(self, "delete from chat_turns where assistant_id = $1", id);
        execute!(self, "delete from bot_updates where assistant_id = $1", id);
        execute!(self, "delete from chat_migrations where assistant_id = $1", id);
        execute!(self, "delete from workers where assistant_id = $1", id);
        execute!(self, "delete from managed_credits where assistant_id = $1", id);
        execute!(self, "delete from managed_keys where assistant_id = $1", id);
        execute!(self, "delete from deployment_steps where assistant_id = $1", id);
        execute!(self, "delete from replaced_configurations where assistant_id = $1", id);
        execute!(
            self,
            "insert into tombstones (assistant_id, user_id, deleted_at, ordered_at)
             values ($1, $2, $3, (select created_at from assistants
                                  where id = $1 and status = 'pending_payment' and payment_status = 'pending'))
             on conflict (assistant_id) do nothing",
            id,
            user,
            now,
        );
        Ok(execute!(self, "delete from assistants where id = $1", id) == 1)
    }

    /// Notes that a slot was deleted because its checkout could not be made.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_void(&mut self, id: AssistantId) -> Result<(), StoreError> {
        execute!(self, "update tombstones set is_void = true where assistant_id = $1", id);
        Ok(())
    }

    /// Whether a slot with this id has been deleted.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_tombstone(&mut self, id: AssistantId) -> Result<bool, StoreError> {
        let row: Option<(i64,)> =
            fetch_optional!(self, (i64,), "select count(*) from tombstones where assistant_id = $1", id);
        Ok(row.is_some_and(|(count,)| count > 0))
    }
}
