//! Changing an account's email: a link to the new address confirms it, and the old address is notified.

use reef_domain::text;
use reef_store::{MailKind, StoreError, TokenPurpose};
use secrecy::SecretString;

use super::password::lock_proven;
use super::{Account, link_over, void_links};
use crate::api_keys::only_people;
use crate::caller::Caller;
use crate::client::Client;
use crate::error::Error;
use crate::services::Services;
use crate::tries::{MANY_MAILS, TryOf};

fn taken() -> Error {
    Error::invalid_field("", "taken", "Another account already uses this email.")
}

impl Services {
    /// Mails a link to the new email and a notice to the current one. Earlier links to another email are revoked. Only
    /// readers of the new email learn whether it has an account.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] while no mail is sent, for an invalid email or the
    /// current one, and for a wrong password, also when it was changed meanwhile; [`Error::RateLimited`] after too many
    /// wrong passwords or too many mails.
    pub async fn request_email_change(
        &self,
        caller: &Caller,
        new_email: &str,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<(), Error> {
        only_people(caller)?;
        self.require_mail()?;
        let email = text::email("email", new_email).map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        let user = self.own_account(caller).await?;
        if email == user.email {
            return Err(Error::invalid_field("email", "same", "This is already your email."));
        }
        self.prove_password(caller, password, "password", &from.into()).await?;
        self.begin_try(&TryOf::mailing(user.id), MANY_MAILS).await?;
        let mut work = self.work().await?;
        // A password change revokes the links that exist. A link created after the change, on the strength of the old
        // password, would survive it.
        lock_proven(&mut work.tx, &user).await?;
        work.mail_link(Some(&user), MailKind::ChangeAddress, TokenPurpose::Change, &email).await?;
        work.mail_notice(&user, MailKind::AddressChanging, &user.email, &email).await?;
        work.commit().await
    }

    /// Changes the account's email to the address that the link was sent to, notifies the old one, and revokes the
    /// account's other links.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the link is invalid, or when another account has this email by now, which leaves
    /// the link valid. About `password` as [`Self::confirm_email`], because somebody may have entered the email of a
    /// person who opens every link.
    pub async fn confirm_email_change(
        &self,
        token: &SecretString,
        caller: Option<&Caller>,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<Account, Error> {
        let proof = (password, &from.into());
        let (mut work, before, email) =
            self.take_link_of_owner(TokenPurpose::Change, token, caller, proof).await?;
        let now = work.now;
        match work.tx.change_address(before.id, &email, now).await {
            Ok(true) => {}
            Ok(false) => return Err(taken()),
            Err(error) if StoreError::is_unique_violation(&error) => return Err(taken()),
            Err(error) => return Err(error.into()),
        }
        work.tx.void_mail_tokens(before.id, TokenPurpose::Confirm).await?;
        void_links(&mut work.tx, before.id).await?;
        work.mail_notice(&before, MailKind::AddressChanged, &before.email, &email).await?;
        let after = work.tx.user(before.id).await?.ok_or_else(link_over)?;
        work.commit().await?;
        tracing::info!(user_id = %after.id, "email changed");
        Ok(after.into())
    }
}
