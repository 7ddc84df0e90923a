//! An address is confirmed by the link that was sent to it, and by the person who opened the account: anybody can open one with
//! somebody else's address, and its owner, who opens the link, must not let them in.

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

/// What a browser that was led here by a link can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkReader {
    /// Nothing: the link is used, over or not one.
    Nobody,
    /// Confirm: it is signed in with the account.
    SignedIn,
    /// Confirm with the account's password; a person who does not know it did not open the account.
    Elsewhere,
}

impl Services {
    /// Who reads the page that a link to confirm something leads to. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Internal`].
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

    /// Notes that an account's address is its owner's: they have the secret that was sent there, and they are who opened
    /// the account, because they are signed in with it or know its password. Its other links to confirm the address are
    /// good for nothing then.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the link is used, over or not one, or the account has another address by now; about
    /// `password`, which leaves the link good, when it is needed and not right. [`Error::RateLimited`] after too many
    /// wrong ones.
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
        tracing::info!(user_id = %user.id, "address confirmed");
        Ok(user.into())
    }

    /// For an owner of the address who did not open the account: gives it another password, and takes away what the one who
    /// opened it holds. Afterwards the account is like one whose unconfirmed address was used for a new password
    /// ([`Self::reset_password`]).
    ///
    /// # Errors
    /// As [`Self::reset_password`]; also when the address was confirmed meanwhile.
    pub async fn claim_account(
        &self,
        token: &SecretString,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<PasswordReset, Error> {
        self.new_password_by_link(TokenPurpose::Confirm, token, password, from.into()).await
    }

    /// For somebody who has the link and shows nothing else: confirms the address, and takes away what the person who opened
    /// the account holds, the password included. Gives the secret of a link to a new password.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when the link is used, over or not one, or the address was confirmed meanwhile.
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
        tracing::info!(user_id = %user.id, "address confirmed by its link alone");
        Ok(reset)
    }

    /// Uses up a link that its account's owner follows: a browser that is signed in with the account, or somebody who knows
    /// its password. Gives the account, and the address that the link was sent to.
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
                let message = "Enter the password of this account, to show that you opened it.";
                return Err(Error::invalid_field("password", "required", message));
            }
            self.prove_password_of(user, password, "password", client).await?;
        }
        let mut work = self.work().await?;
        let now = work.now;
        let link = work.tx.take_mail_token(&hash, purpose, now).await?.ok_or_else(link_over)?;
        work.tx.lock_user(link.user_id).await?;
        let user = work.tx.user(link.user_id).await?.ok_or_else(link_over)?;
        // Another password was set meanwhile: this one proves nothing any more.
        if proven.is_some_and(|before| before.password_hash != user.password_hash) {
            return Err(wrong_password("password"));
        }
        Ok((work, user, link.email))
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
