//! The link that makes the person who opens it the owner of an assistant.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::input::Parsed;
use reef_domain::people::{OWNER_CODE_PREFIX, OWNER_CODE_PURPOSE};
use reef_domain::wire::Scope;
use reef_vault::fingerprint;
use serde::{Deserialize, Serialize};

use super::ACTIVATED;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// How long an owner link works.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

const NOT_ACTIVATED: &str = "This assistant has no bot yet. Activate it first.";

/// A link that makes the person who opens it first the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerLink {
    /// Opens the bot in Telegram with the code of the link.
    pub url: String,
    /// When the link stops working.
    pub expires_at: Timestamp,
}

impl Services {
    /// Creates an owner link. An earlier one stops working.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], and [`Error::InvalidState`] while no deployment has
    /// found the bot.
    pub async fn create_owner_link(
        &self,
        caller: &Caller,
        id: &str,
        body: Parsed<()>,
    ) -> Result<OwnerLink, Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        body.map_err(Error::InvalidRequest)?;
        let mut work = self.unit_of_work().await?;
        let assistant = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        let row = work.tx.find_page_row(assistant.id).await?;
        let Some(bot_username) = row.and_then(|row| row.bot_username) else {
            let current = assistant.state.status();
            return Err(Error::InvalidState { message: NOT_ACTIVATED, current, allowed: ACTIVATED });
        };
        let code = format!("{}{}", OWNER_CODE_PREFIX, self.random_hex::<16>());
        let expires_at = work.now.plus(LIFETIME);
        work.tx.save_owner_link(assistant.id, &fingerprint(OWNER_CODE_PURPOSE, &code), expires_at).await?;
        work.record_change(&assistant);
        let link = OwnerLink { url: format!("https://t.me/{bot_username}?start={code}"), expires_at };
        work.commit(Some(&link.clone().into())).await?;
        Ok(link)
    }
}
