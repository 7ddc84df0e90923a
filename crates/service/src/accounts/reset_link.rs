//! What a link to a new password still does, for the page that it leads to.

use reef_store::TokenPurpose;
use secrecy::SecretString;

use crate::error::Error;
use crate::mails::token_hash;
use crate::services::Services;

/// What a link to a new password still does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetLink {
    /// Nothing: it was used, has expired, or never was one.
    Over,
    /// It replaces the password.
    Good {
        /// Whether it also ends what the account has, because nobody has confirmed its address.
        begins_anew: bool,
    },
}

impl Services {
    /// What the link with this secret does. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Internal`].
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
