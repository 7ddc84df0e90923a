//! Confirming an email takes the link that was sent to it, and proof of having created the account. Anybody can create
//! an account with somebody else's email, and the owner of that email must not let them in by opening the link.

use reef_store::{MailKind, MailTokenRow, TokenPurpose, UserRow};
use secrecy::{ExposeSecret as _, SecretString};

use crate::accounts::known_devices::Client;
use crate::accounts::password::wrong_password;
use crate::accounts::password_reset::PasswordReset;
use crate::accounts::{Account, DUMMY_PASSWORD_HASH, invalid_link, revoke_links};
use crate::api_keys::require_session;
use crate::caller::Caller;
use crate::error::Error;
use crate::mail::hash_token;
use crate::services::Services;
use crate::throttling::throttle::{TOO_MANY_MAILS, ThrottleKey, reset_password_throttle};
use crate::unit_of_work::UnitOfWork;

/// What a browser that follows a confirmation link may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkAccess {
    /// The link is invalid: it was used, has expired, or never existed.
    Invalid,
    /// Confirm: the browser is signed in to the account.
    SignedIn,
    /// Confirm with the account's password. A person who does not know it did not create the account.
    PasswordRequired,
}

impl Services {
    /// What the browser may do with a confirmation link. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn link_access(
        &self,
        token: &SecretString,
        is_change: bool,
        caller: Option<&Caller>,
    ) -> Result<LinkAccess, Error> {
        let purpose = if is_change { TokenPurpose::Change } else { TokenPurpose::Confirm };
        let link =
            self.store().read().await?.find_mail_token(&hash_token(token), purpose, self.now()).await?;
        Ok(match link {
            None => LinkAccess::Invalid,
            Some(link) if is_signed_in(&link, caller) => LinkAccess::SignedIn,
            Some(_) => LinkAccess::PasswordRequired,
        })
    }

    /// Confirms that an account's email belongs to its owner. The link proves access to the email; the session or the
    /// password proves that the same person created the account. Its other confirmation links are revoked.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the link is invalid or the account's email has changed; about `password`, which
    /// leaves the link valid, when it is required and missing or wrong. [`Error::RateLimited`] after too many wrong
    /// passwords.
    pub async fn confirm_email(
        &self,
        token: &SecretString,
        caller: Option<&Caller>,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<Account, Error> {
        let (mut work, user, email) =
            self.use_link_as_owner(TokenPurpose::Confirm, token, caller, (password, &from.into())).await?;
        if !work.tx.confirm_email(user.id, &email, work.now).await? {
            return Err(invalid_link());
        }
        work.tx.revoke_mail_tokens(user.id, TokenPurpose::Confirm).await?;
        let user = work.tx.find_user(user.id).await?.ok_or_else(invalid_link)?;
        work.commit(None).await?;
        tracing::info!(user_id = %user.id, "email confirmed");
        Ok(user.into())
    }

    /// For the owner of an email who did not create its account: sets a new password and revokes the access of the
    /// person who created it, as [`Self::reset_password`] does for an unconfirmed email.
    ///
    /// # Errors
    /// As [`Self::reset_password`]; also when the email was confirmed meanwhile.
    pub async fn claim_account(
        &self,
        token: &SecretString,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<PasswordReset, Error> {
        self.set_password_by_link(TokenPurpose::Confirm, token, password, from.into()).await
    }

    /// Confirms the email of an account for somebody who proves nothing but the link, and revokes all access of the
    /// person who created the account, including the password. Returns the secret of a reset link.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the link is invalid or the email was confirmed meanwhile.
    pub async fn confirm_email_by_link_only(&self, token: &SecretString) -> Result<SecretString, Error> {
        let mut work = self.unit_of_work().await?;
        let now = work.now;
        let link = work.tx.consume_mail_token(&hash_token(token), TokenPurpose::Confirm, now).await?;
        let link = link.ok_or_else(invalid_link)?;
        work.tx.lock_user(link.user_id).await?;
        let user = work.tx.find_user(link.user_id).await?.ok_or_else(invalid_link)?;
        if user.email_confirmed_at.is_some() || !work.tx.confirm_email(user.id, &link.email, now).await? {
            return Err(invalid_link());
        }
        work.tx.update_password_hash(user.id, DUMMY_PASSWORD_HASH).await?;
        self.revoke_unconfirmed_access(&mut work.tx, user.id, now).await?;
        work.tx.revoke_mail_tokens(user.id, TokenPurpose::Confirm).await?;
        revoke_links(&mut work.tx, user.id).await?;
        reset_password_throttle(&mut work.tx, user.id, &user.email).await?;
        work.tx.delete_sessions(user.id).await?;
        let reset = work.create_reset_link(&user).await?;
        work.commit_access_revoked(user.id).await?;
        tracing::info!(user_id = %user.id, "email confirmed by its link only");
        Ok(reset)
    }

    /// Uses a link on behalf of the account's owner: a browser that is signed in to the account, or somebody who knows
    /// its password. Returns the account, and the address that the link was sent to.
    pub(super) async fn use_link_as_owner(
        &self,
        purpose: TokenPurpose,
        token: &SecretString,
        caller: Option<&Caller>,
        (password, client): (&SecretString, &Client),
    ) -> Result<(UnitOfWork<'_>, UserRow, String), Error> {
        let hash = hash_token(token);
        let proven = {
            let mut tx = self.store().read().await?;
            let link = tx.find_mail_token(&hash, purpose, self.now()).await?.ok_or_else(invalid_link)?;
            let user = tx.find_user(link.user_id).await?.ok_or_else(invalid_link)?;
            (!is_signed_in(&link, caller)).then_some(user)
        };
        if let Some(user) = &proven {
            if password.expose_secret().is_empty() {
                let message = "Enter this account's password to show that you created it.";
                return Err(Error::invalid_field("password", "required", message));
            }
            self.verify_password_of(user, password, "password", client).await?;
        }
        let mut work = self.unit_of_work().await?;
        let now = work.now;
        let link = work.tx.consume_mail_token(&hash, purpose, now).await?.ok_or_else(invalid_link)?;
        work.tx.lock_user(link.user_id).await?;
        let user = work.tx.find_user(link.user_id).await?.ok_or_else(invalid_link)?;
        // The password was changed meanwhile, so this one proves nothing.
        if proven.is_some_and(|before| before.password_hash != user.password_hash) {
            return Err(wrong_password("password"));
        }
        Ok((work, user, link.email))
    }

    /// Sends another confirmation link; earlier ones stay valid. Does nothing when the address is confirmed.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] while no email is sent; [`Error::RateLimited`] after
    /// too many emails.
    pub async fn resend_confirmation(&self, caller: &Caller) -> Result<(), Error> {
        require_session(caller)?;
        self.require_mail()?;
        let user = self.get_own_account(caller).await?;
        if user.email_confirmed_at.is_some() {
            return Ok(());
        }
        self.admit_attempt(&ThrottleKey::mail(user.id), TOO_MANY_MAILS).await?;
        let mut work = self.unit_of_work().await?;
        work.enqueue_link_mail(Some(&user), MailKind::ConfirmAddress, TokenPurpose::Confirm, &user.email)
            .await?;
        work.commit(None).await
    }
}

fn is_signed_in(link: &MailTokenRow, caller: Option<&Caller>) -> bool {
    caller.is_some_and(|caller| require_session(caller).is_ok() && caller.user_id == link.user_id)
}
