//! A new password for whoever reads the account's mail.

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

/// What came of a reset.
#[derive(Clone, Debug)]
pub struct PasswordReset {
    /// Whether nobody had shown before that its address is theirs: its API keys, its two-step sign-in and the secret of its
    /// callbacks are gone then. A stranger may have opened it.
    pub began_anew: bool,
    /// What the browser is to bring along as a device from now on: it can give the new password no matter who else tries some.
    pub devices: SecretString,
}

impl Services {
    /// Sends a link to a new password, if the address has an account. The answer and the work until then are the same
    /// when it has none: the same rows are written, and the job finds nobody to send to.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for what is no address, or while no mail is sent; [`Error::RateLimited`] after a few for
    /// an address or from a network, also for an address without an account.
    pub async fn request_password_reset(&self, email: &str, from: ClientAddress) -> Result<(), Error> {
        self.require_mail()?;
        let email = text::email("email", email).map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        self.begin_try(&TryOf::resetting(&email, from), MANY_MAILS).await?;
        let mut work = self.work().await?;
        let user = work.tx.user_by_email(&email).await?;
        work.mail_link(user.as_ref(), MailKind::ResetPassword, TokenPurpose::Reset, &email).await?;
        work.commit().await
    }

    /// Replaces the password of the account that a link belongs to, and ends all of its sessions and whatever they have
    /// open. Other links to a new password or another address are good for nothing then, and nobody has to wait for what was
    /// tried against the password before. API keys and two-step sign-in stay,
    /// unless the account was opened with an address that nobody has confirmed so far: whoever did that may be a stranger
    /// who waits for its owner to move in. Nobody is signed in by it: that goes the normal way, with all that signing in
    /// asks for.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a bad password, which leaves the link good, or when the link is used, over or not one;
    /// [`Error::RateLimited`] when too many people sign in at this moment.
    pub async fn reset_password(
        &self,
        token: &SecretString,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<PasswordReset, Error> {
        self.new_password_by_link(TokenPurpose::Reset, token, password, from.into()).await
    }

    /// Replaces the password of the account that a link belongs to. A link that confirms an address does so only while it
    /// is not confirmed.
    pub(super) async fn new_password_by_link(
        &self,
        purpose: TokenPurpose,
        token: &SecretString,
        password: &SecretString,
        client: Client,
    ) -> Result<PasswordReset, Error> {
        let hash = token_hash(token);
        // Hashing a password is costly: only for a link that is good.
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

    /// Takes away what whoever opened the account may still hold of it.
    pub(super) async fn forget_strangers(
        &self,
        tx: &mut Tx,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), Error> {
        tx.revoke_api_keys_of(user, now).await?;
        tx.delete_totp(user).await?;
        // Twice: the one before signs for a day, too.
        for _ in 0..2 {
            let sealed = self.new_callback_secret(user)?;
            tx.rotate_callback_secret(user, &sealed, now).await?;
        }
        Ok(())
    }
}
