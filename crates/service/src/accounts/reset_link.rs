//! The state of a reset link, for the page that it leads to.

use reef_store::TokenPurpose;
use secrecy::SecretString;

use crate::error::Error;
use crate::mail::hash_token;
use crate::services::Services;

/// What a reset link can still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetLink {
    /// The link is invalid: it was used, has expired, or never existed.
    Invalid,
    /// The link sets a new password.
    Valid {
        /// Whether it also revokes the account's access, because the email was never confirmed.
        revokes_access: bool,
    },
}

impl Services {
    /// The state of a reset link. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn reset_link_state(&self, token: &SecretString) -> Result<ResetLink, Error> {
        let mut tx = self.store().read().await?;
        let link = tx.find_mail_token(&hash_token(token), TokenPurpose::Reset, self.now()).await?;
        let Some(link) = link else { return Ok(ResetLink::Invalid) };
        let user = tx.find_user(link.user_id).await?;
        Ok(user.map_or(ResetLink::Invalid, |user| ResetLink::Valid {
            revokes_access: user.email_confirmed_at.is_none(),
        }))
    }
}
