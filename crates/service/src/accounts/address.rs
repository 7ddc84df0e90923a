//! Another address: its owner opens a link that was sent there, and the old address is told.

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
    Error::invalid_field("", "taken", "There is another account with this address.")
}

impl Services {
    /// Sends a link to the address that is to be the caller's, and a notice to the one that is. An earlier link to another
    /// address is good for nothing then. Whether the address has an account shows only to who reads its mail.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a key asks; [`Error::InvalidRequest`] while no mail is sent, for what is no address or the
    /// caller's own, and for a wrong password, also when it has just been changed; [`Error::RateLimited`] after a few wrong
    /// ones, or a few requests.
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
            return Err(Error::invalid_field("email", "same", "This is your address already."));
        }
        self.prove_password(caller, password, "password", &from.into()).await?;
        self.begin_try(&TryOf::mailing(user.id), MANY_MAILS).await?;
        let mut work = self.work().await?;
        // A change of the password ends the links that it finds: one that it does not find must not begin after it.
        lock_proven(&mut work.tx, &user).await?;
        work.mail_link(Some(&user), MailKind::ChangeAddress, TokenPurpose::Change, &email).await?;
        work.mail_notice(&user, MailKind::AddressChanging, &user.email, &email).await?;
        work.commit().await
    }

    /// Gives an account the address that the link was sent to, and tells the old one. All its other links are good for
    /// nothing then.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the link is used, over or not one, or the address is another account's by now, which
    /// leaves the link as it is; about `password`, as [`Self::confirm_email`]: a stranger may have given the address of
    /// somebody who opens every link.
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
        tracing::info!(user_id = %after.id, "address changed");
        Ok(after.into())
    }
}
