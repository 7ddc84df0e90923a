//! Confirming an email takes the link that was sent to it, and proof of having created the account. Anybody can create
//! an account with somebody else's email, and the owner of that email must not let them in by opening the link.

use reef_store::{MailKind, MailTokenRow, TokenPurpose, UserRow};
use secrecy::{ExposeSecret as _, SecretString};

use super::password::wrong_password;
use super::reset::PasswordReset;
use super::{Account, NOBODY, link_over, void_links};
use crate::api_keys::only_people;
use crate::caller::Caller;
use crate::client::Client;
use crate::error::Error;
use crate::mails::token_hash;
use crate::services::Services;
use crate::tries::{MANY_MAILS, TryOf, forget_tries_at_password};
use crate::work::Work;

/// What a browser that follows a confirmation link may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkReader {
    /// The link is invalid: it was used, has expired, or never existed.
    Nobody,
    /// Confirm: the browser is signed in to the account.
    SignedIn,
    /// Confirm with the account's password. A person who does not know it did not create the account.
    Elsewhere,
}

impl Services {
    /// What the browser may do with a confirmation link. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn link_reader(
        &self,
        token: &SecretString,
        is_change: bool,
        caller: Option<&Caller>,
    ) -> Result<LinkReader, Error> {
        let purpose = if is_change { TokenPurpose::Change } else { TokenPurpose::Confirm };
        let link = self.store().read().await?.mail_token(&token_hash(token), purpose, self.now()).await?;
        Ok(match link {
            None => LinkReader::Nobody,
            Some(link) if is_signed_in(&link, caller) => LinkReader::SignedIn,
            Some(_) => LinkReader::Elsewhere,
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
            self.take_link_of_owner(TokenPurpose::Confirm, token, caller, (password, &from.into())).await?;
        if !work.tx.confirm_address(user.id, &email, work.now).await? {
            return Err(link_over());
        }
        work.tx.void_mail_tokens(user.id, TokenPurpose::Confirm).await?;
        let user = work.tx.user(user.id).await?.ok_or_else(link_over)?;
        work.commit().await?;
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
        self.new_password_by_link(TokenPurpose::Confirm, token, password, from.into()).await
    }

    /// Confirms the email of an account for somebody who proves nothing but the link, and revokes all access of the
    /// person who created the account, including the password. Returns the secret of a reset link.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the link is invalid or the email was confirmed meanwhile.
    pub async fn confirm_with_link_alone(&self, token: &SecretString) -> Result<SecretString, Error> {
        let mut work = self.work().await?;
        let now = work.now;
        let link = work.tx.take_mail_token(&token_hash(token), TokenPurpose::Confirm, now).await?;
        let link = link.ok_or_else(link_over)?;
        work.tx.lock_user(link.user_id).await?;
        let user = work.tx.user(link.user_id).await?.ok_or_else(link_over)?;
        if user.email_confirmed_at.is_some() || !work.tx.confirm_address(user.id, &link.email, now).await? {
            return Err(link_over());
        }
        work.tx.set_password_hash(user.id, NOBODY).await?;
        self.forget_strangers(&mut work.tx, user.id, now).await?;
        work.tx.void_mail_tokens(user.id, TokenPurpose::Confirm).await?;
        void_links(&mut work.tx, user.id).await?;
        forget_tries_at_password(&mut work.tx, user.id, &user.email).await?;
        work.tx.end_sessions_of(user.id).await?;
        let reset = work.reset_link_at_hand(&user).await?;
        work.commit_end_of_access(user.id).await?;
        tracing::info!(user_id = %user.id, "email confirmed by its link only");
        Ok(reset)
    }

    /// Uses a link on behalf of the account's owner: a browser that is signed in to the account, or somebody who knows
    /// its password. Returns the account, and the address that the link was sent to.
    pub(super) async fn take_link_of_owner(
        &self,
        purpose: TokenPurpose,
        token: &SecretString,
        caller: Option<&Caller>,
        (password, client): (&SecretString, &Client),
    ) -> Result<(Work<'_>, UserRow, String), Error> {
        let hash = token_hash(token);
        let proven = {
            let mut tx = self.store().read().await?;
            let link = tx.mail_token(&hash, purpose, self.now()).await?.ok_or_else(link_over)?;
            let user = tx.user(link.user_id).await?.ok_or_else(link_over)?;
            (!is_signed_in(&link, caller)).then_some(user)
        };
        if let Some(user) = &proven {
            if password.expose_secret().is_empty() {
                let message = "Enter this account's password to show that you created it.";
                return Err(Error::invalid_field("password", "required", message));
            }
            self.prove_password_of(user, password, "password", client).await?;
        }
        let mut work = self.work().await?;
        let now = work.now;
        let link = work.tx.take_mail_token(&hash, purpose, now).await?.ok_or_else(link_over)?;
        work.tx.lock_user(link.user_id).await?;
        let user = work.tx.user(link.user_id).await?.ok_or_else(link_over)?;
        // The password was changed meanwhile, so this one proves nothing.
        if proven.is_some_and(|before| before.password_hash != user.password_hash) {
            return Err(wrong_password("password"));
        }
        Ok((work, user, link.email))
    }

    /// Mails another confirmation link; earlier ones stay valid. Does nothing when the email is confirmed.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] while no mail is sent; [`Error::RateLimited`] after
    /// too many mails.
    pub async fn resend_confirmation(&self, caller: &Caller) -> Result<(), Error> {
        only_people(caller)?;
        self.require_mail()?;
        let user = self.own_account(caller).await?;
        if user.email_confirmed_at.is_some() {
            return Ok(());
        }
        self.begin_try(&TryOf::mailing(user.id), MANY_MAILS).await?;
        let mut work = self.work().await?;
        work.mail_link(Some(&user), MailKind::ConfirmAddress, TokenPurpose::Confirm, &user.email).await?;
        work.commit().await
    }
}

fn is_signed_in(link: &MailTokenRow, caller: Option<&Caller>) -> bool {
    caller.is_some_and(|caller| only_people(caller).is_ok() && caller.user_id == link.user_id)
}
