//! The checkout of an assistant and the bot that it answers as.

use reef_domain::ids::AssistantId;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// The bot that an assistant answers as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotRow {
    /// Telegram's id of the bot.
    pub bot_id: i64,
    /// The name of the bot, without the @.
    pub bot_username: String,
}

impl Tx {
    /// Stores the checkout that Polar created for an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_checkout(
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
        // The payment check remains after the assistant is deleted.
        execute!(self, "update payment_checks set checkout_id = $2 where assistant_id = $1", id, checkout);
        Ok(())
    }

    /// Finds the checkout of an assistant: its id and its URL.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_checkout(&mut self, id: AssistantId) -> Result<Option<(String, String)>, StoreError> {
        Ok(fetch_optional!(
            self,
            (String, String),
            "select checkout_id, checkout_url from assistants
             where id = $1 and checkout_id is not null and checkout_url is not null",
            id
        ))
    }

    /// Stores the bot that a run answers as, if that run is the current one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_bot(
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
}
