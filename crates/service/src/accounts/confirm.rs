//! An address is confirmed by the link that was sent to it.

use reef_store::{MailKind, TokenPurpose};
use secrecy::SecretString;

use super::{Account, link_over};
use crate::api_keys::only_people;
use crate::caller::Caller;
use crate::error::Error;
use crate::mails::token_hash;
use crate::services::Services;
use crate::tries::{MANY_MAILS, TryOf};

impl Services {
    /// Notes that an account's address is its owner's: they have the secret that was sent there.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the link is used, over or not one, or the account has another address by now.
    pub async fn confirm_email(&self, token: &SecretString) -> Result<Account, Error> {
        let now = self.now();
        let mut tx = self.store().begin().await?;
        let taken = tx.take_mail_token(&token_hash(token), TokenPurpose::Confirm, now).await?;
        let link = taken.ok_or_else(link_over)?;
        if !tx.confirm_address(link.user_id, &link.email, now).await? {
            return Err(link_over());
        }
        let user = tx.user(link.user_id).await?.ok_or_else(link_over)?;
        tx.commit().await?;
        tracing::info!(user_id = %user.id, "address confirmed");
        Ok(user.into())
    }

    /// Sends the link that confirms the caller's address once more; does nothing when it is confirmed. Earlier links stay
    /// good.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a key asks; [`Error::InvalidRequest`] while no mail is sent; [`Error::RateLimited`] after
    /// a few of them.
    pub async fn resend_confirmation(&self, caller: &Caller) -> Result<(), Error> {
        only_people(caller)?;
        self.require_mail()?;
        let user = {
            let mut tx = self.store().read().await?;
            tx.user(caller.user_id).await?.ok_or(Error::Unauthorized)?
        };
        if user.email_confirmed_at.is_some() {
            return Ok(());
        }
        self.begin_try(&TryOf::mailing(user.id), MANY_MAILS).await?;
        let mut work = self.work().await?;
        work.mail_link(Some(user.id), MailKind::ConfirmAddress, TokenPurpose::Confirm, &user.email).await?;
        work.commit().await
    }
}
