//! Resetting a password by mail.

use reef_domain::ids::UserId;
use reef_domain::{Timestamp, validation};
use reef_store::{MailKind, TokenPurpose, Tx, UserRow};
use secrecy::{ExposeSecret, SecretString};

use crate::accounts::hashing::Lane;
use crate::accounts::known_devices::Client;
use crate::accounts::requires_code;
use crate::accounts::{invalid_link, revoke_links};
use crate::error::Error;
use crate::mail::hash_token;
use crate::services::Services;
use crate::throttling::ClientAddress;
use crate::throttling::throttle::{TOO_MANY_MAILS, ThrottleKey, reset_password_throttle};

/// The outcome of a password reset.
#[derive(Clone, Debug)]
pub struct PasswordReset {
    /// Whether the email was unconfirmed before. Then API keys, two-factor authentication and the signing secret were
    /// revoked, because a stranger may have created the account.
    pub revoked_access: bool,
    /// The browser's new device cookie, which keeps failed attempts of others from delaying the next sign-in.
    pub devices: SecretString,
}

impl Services {
    /// Sends a reset link if the address has an account. If it has none, the same rows are written and the response is
    /// the same; the job then finds no recipient.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an invalid address, or while no email is sent; [`Error::RateLimited`] after too many
    /// requests for an address or from a network, whether or not it has an account.
    pub async fn request_password_reset(&self, email: &str, from: ClientAddress) -> Result<(), Error> {
        self.require_mail()?;
        let email = validation::email("email", email).map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        self.admit_attempt(&ThrottleKey::password_reset(&email, from), TOO_MANY_MAILS).await?;
        let mut work = self.unit_of_work().await?;
        let user = work.tx.find_user_by_email(&email).await?;
        work.enqueue_link_mail(user.as_ref(), MailKind::ResetPassword, TokenPurpose::Reset, &email).await?;
        work.commit(None).await
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
        self.set_password_by_link(TokenPurpose::Reset, token, password, from.into()).await
    }

    /// Sets a new password for the account of a link. A confirmation link does so only while the email is unconfirmed.
    pub(super) async fn set_password_by_link(
        &self,
        purpose: TokenPurpose,
        token: &SecretString,
        password: &SecretString,
        client: Client,
    ) -> Result<PasswordReset, Error> {
        let hash = hash_token(token);
        // Hashing is expensive, so the link is checked first.
        let known = self.store().read().await?.find_mail_token(&hash, purpose, self.now()).await?;
        let known = known.ok_or_else(invalid_link)?;
        validation::password("password", password.expose_secret())
            .map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        let password_hash = self.hash_password(Lane::Known(known.user_id), password).await?;
        let now = self.now();
        let mut work = self.unit_of_work().await?;
        let tx = &mut work.tx;
        let taken = tx.consume_mail_token(&hash, purpose, now).await?;
        let link = taken.ok_or_else(invalid_link)?;
        let before = tx.find_user(link.user_id).await?.ok_or_else(invalid_link)?;
        if !tx.update_password_hash(link.user_id, &password_hash).await? {
            return Err(invalid_link());
        }
        let revokes_access = before.email_confirmed_at.is_none();
        if purpose == TokenPurpose::Confirm && (!revokes_access || link.email != before.email) {
            return Err(invalid_link());
        }
        if revokes_access {
            self.revoke_unconfirmed_access(tx, before.id, now).await?;
        }
        tx.confirm_email(link.user_id, &link.email, now).await?;
        tx.revoke_mail_tokens(link.user_id, TokenPurpose::Confirm).await?;
        revoke_links(tx, link.user_id).await?;
        reset_password_throttle(tx, before.id, &before.email).await?;
        let takes_code = requires_code(tx, link.user_id).await?;
        tx.delete_sessions(link.user_id).await?;
        work.enqueue_security_notice(link.user_id, MailKind::PasswordChanged, "").await?;
        work.commit_access_revoked(link.user_id).await?;
        tracing::info!(user_id = %link.user_id, revokes_access, "password reset");
        let after = UserRow { password_hash, ..before.clone() };
        let devices = self.devices_after_new_password(&client, &before, &after.into(), takes_code);
        Ok(PasswordReset { revoked_access: revokes_access, devices })
    }

    /// Revokes what the person who created the account may still have: API keys, two-factor authentication and both
    /// signing secrets.
    pub(super) async fn revoke_unconfirmed_access(
        &self,
        tx: &mut Tx,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), Error> {
        tx.revoke_all_api_keys(user, now).await?;
        tx.delete_totp(user).await?;
        // The previous secret signs for another day, so it is rotated out, too.
        for _ in 0..2 {
            let sealed = self.create_signing_secret(user)?;
            tx.rotate_signing_secret(user, &sealed, now).await?;
        }
        Ok(())
    }
}
