//! Changing an account's email: a link to the new address confirms it, and the old address is notified.

use reef_domain::validation;
use reef_store::{MailKind, StoreError, TokenPurpose};
use secrecy::SecretString;

use crate::accounts::known_devices::Client;
use crate::accounts::password::lock_if_password_unchanged;
use crate::accounts::{Account, invalid_link, revoke_links};
use crate::api_keys::require_session;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::throttling::throttle::{TOO_MANY_MAILS, ThrottleKey};

fn email_taken() -> Error {
    Error::invalid_field("", "taken", "Another account already uses this email.")
}

impl Services {
    /// Sends a link to the new address and a notice to the current one. Earlier links to another address are revoked. Only
    /// readers of the new address learn whether it has an account.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] while no email is sent, for an invalid address or the
    /// current one, and for a wrong password, also when it was changed meanwhile; [`Error::RateLimited`] after too many
    /// wrong passwords or too many emails.
    pub async fn request_email_change(
        &self,
        caller: &Caller,
        new_email: &str,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<(), Error> {
        require_session(caller)?;
        self.require_mail()?;
        let email =
            validation::email("email", new_email).map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        let user = self.get_own_account(caller).await?;
        if email == user.email {
            return Err(Error::invalid_field("email", "same", "This is already your email."));
        }
        self.verify_caller_password(caller, password, "password", &from.into()).await?;
        self.admit_attempt(&ThrottleKey::mail(user.id), TOO_MANY_MAILS).await?;
        let mut work = self.unit_of_work().await?;
        // A password change revokes the links that exist. A link created after the change, with the old password as
        // proof, would survive it.
        lock_if_password_unchanged(&mut work.tx, &user).await?;
        work.enqueue_link_mail(Some(&user), MailKind::ChangeAddress, TokenPurpose::Change, &email).await?;
        work.enqueue_notice(&user, MailKind::AddressChangeRequested, &user.email, &email).await?;
        work.commit(None).await
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
            self.use_link_as_owner(TokenPurpose::Change, token, caller, proof).await?;
        let now = work.now;
        match work.tx.update_email(before.id, &email, now).await {
            Ok(true) => {}
            Ok(false) => return Err(email_taken()),
            Err(error) if StoreError::is_unique_violation(&error) => return Err(email_taken()),
            Err(error) => return Err(error.into()),
        }
        work.tx.revoke_mail_tokens(before.id, TokenPurpose::Confirm).await?;
        revoke_links(&mut work.tx, before.id).await?;
        work.enqueue_notice(&before, MailKind::AddressChanged, &before.email, &email).await?;
        let after = work.tx.find_user(before.id).await?.ok_or_else(invalid_link)?;
        work.commit(None).await?;
        tracing::info!(user_id = %after.id, "email changed");
        Ok(after.into())
    }
}
