//! The state of a reset link, for the page that it leads to.

use reef_store::TokenPurpose;
use secrecy::SecretString;

use crate::error::Error;
use crate::mails::token_hash;
use crate::services::Services;

/// What a reset link can still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetLink {
    /// The link is invalid: it was used, has expired, or never existed.
    Over,
    /// The link sets a new password.
    Good {
        /// Whether it also revokes the account's access, because the email was never confirmed.
        begins_anew: bool,
    },
}

impl Services {
    /// The state of a reset link. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn reset_link(&self, token: &SecretString) -> Result<ResetLink, Error> {
        let mut tx = self.store().read().await?;
        let link = tx.mail_token(&token_hash(token), TokenPurpose::Reset, self.now()).await?;
        let Some(link) = link else { return Ok(ResetLink::Over) };
        let user = tx.user(link.user_id).await?;
        Ok(user.map_or(ResetLink::Over, |user| ResetLink::Good {
            begins_anew: user.email_confirmed_at.is_none(),
        }))
    }
}
