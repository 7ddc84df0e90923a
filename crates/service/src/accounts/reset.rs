//! Resetting a password by mail.

use reef_domain::ids::UserId;
use reef_domain::{Timestamp, text};
use reef_store::{MailKind, TokenPurpose, Tx, UserRow};
use secrecy::{ExposeSecret, SecretString};

use super::totp::takes_code;
use super::{link_over, void_links};
use crate::client::{Client, ClientAddress};
use crate::error::Error;
use crate::hashing::Lane;
use crate::mails::token_hash;
use crate::services::Services;
use crate::tries::{MANY_MAILS, TryOf, forget_tries_at_password};

/// The outcome of a password reset.
#[derive(Clone, Debug)]
pub struct PasswordReset {
    /// Whether the email was unconfirmed before. Then API keys, two-factor authentication and the signing secret were
    /// revoked, because a stranger may have created the account.
    pub began_anew: bool,
    /// The browser's new device cookie, which keeps failed attempts of others from delaying the next sign-in.
    pub devices: SecretString,
}

impl Services {
    /// Mails a reset link if the email has an account. If it has none, the same rows are written and the response is
    /// the same; the job then finds no recipient.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an invalid email, or while no mail is sent; [`Error::RateLimited`] after too many
    /// requests for an email or from a network, whether or not the email has an account.
    pub async fn request_password_reset(&self, email: &str, from: ClientAddress) -> Result<(), Error> {
        self.require_mail()?;
        let email = text::email("email", email).map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        self.begin_try(&TryOf::resetting(&email, from), MANY_MAILS).await?;
        let mut work = self.work().await?;
        let user = work.tx.user_by_email(&email).await?;
        work.mail_link(user.as_ref(), MailKind::ResetPassword, TokenPurpose::Reset, &email).await?;
        work.commit().await
    }

    /// Sets a new password for the account of a reset link, ends its sessions and their streams, revokes its other
    /// links and resets its throttle. API keys and two-factor authentication stay, unless the email was never
    /// confirmed: the person who created the account may be a stranger who waits for the email's owner to use it. The reset
    /// signs nobody in; that takes everything that signing in requires.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an invalid password, which leaves the link valid, or for an invalid link;
    /// [`Error::RateLimited`] when too many people are signing in.
    pub async fn reset_password(
        &self,
        token: &SecretString,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<PasswordReset, Error> {
        self.new_password_by_link(TokenPurpose::Reset, token, password, from.into()).await
    }

    /// Sets a new password for the account of a link. A confirmation link does so only while the email is unconfirmed.
    pub(super) async fn new_password_by_link(
        &self,
        purpose: TokenPurpose,
        token: &SecretString,
        password: &SecretString,
        client: Client,
    ) -> Result<PasswordReset, Error> {
        let hash = token_hash(token);
        // Hashing is expensive, so the link is checked first.
        let known = self.store().read().await?.mail_token(&hash, purpose, self.now()).await?;
        let known = known.ok_or_else(link_over)?;
        text::password("password", password.expose_secret())
            .map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        let password_hash = self.hash_password(Lane::Known(known.user_id), password).await?;
        let now = self.now();
        let mut work = self.work().await?;
        let tx = &mut work.tx;
        let taken = tx.take_mail_token(&hash, purpose, now).await?;
        let link = taken.ok_or_else(link_over)?;
        let before = tx.user(link.user_id).await?.ok_or_else(link_over)?;
        if !tx.set_password_hash(link.user_id, &password_hash).await? {
            return Err(link_over());
        }
        let began_anew = before.email_confirmed_at.is_none();
        if purpose == TokenPurpose::Confirm && (!began_anew || link.email != before.email) {
            return Err(link_over());
        }
        if began_anew {
            self.forget_strangers(tx, before.id, now).await?;
        }
        tx.confirm_address(link.user_id, &link.email, now).await?;
        tx.void_mail_tokens(link.user_id, TokenPurpose::Confirm).await?;
        void_links(tx, link.user_id).await?;
        forget_tries_at_password(tx, before.id, &before.email).await?;
        let takes_code = takes_code(tx, link.user_id).await?;
        tx.end_sessions_of(link.user_id).await?;
        work.security_notice(link.user_id, MailKind::PasswordChanged, "").await?;
        work.commit_end_of_access(link.user_id).await?;
        tracing::info!(user_id = %link.user_id, began_anew, "password reset");
        let after = UserRow { password_hash, ..before.clone() };
        let devices = self.devices_after_new_password(&client, &before, &after.into(), takes_code);
        Ok(PasswordReset { began_anew, devices })
    }

    /// Revokes what the person who created the account may still have: API keys, two-factor authentication and both
    /// signing secrets.
    pub(super) async fn forget_strangers(
        &self,
        tx: &mut Tx,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), Error> {
        tx.revoke_api_keys_of(user, now).await?;
        tx.delete_totp(user).await?;
        // The previous secret signs for another day, so it is rotated out, too.
        for _ in 0..2 {
            let sealed = self.new_callback_secret(user)?;
            tx.rotate_callback_secret(user, &sealed, now).await?;
        }
        Ok(())
    }
}
