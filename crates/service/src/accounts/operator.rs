//! What only an operator may do with an account: let somebody in who is locked out.

use reef_domain::text;
use reef_store::MailKind;
use secrecy::{ExposeSecret, SecretString};

use super::{Account, void_links};
use crate::error::Error;
use crate::hashing::Lane;
use crate::services::Services;
use crate::tries::forget_tries_at_password;

impl Services {
    /// Replaces an account's password, ends its sessions and their streams, and revokes its links. With
    /// `disable_two_factor` the password alone signs in, for somebody who has lost their authenticator app and recovery
    /// codes.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such an account; [`Error::InvalidRequest`] for an invalid password;
    /// [`Error::RateLimited`] when too many people are signing in.
    pub async fn replace_password(
        &self,
        email: &str,
        password: &SecretString,
        end_two_step: bool,
    ) -> Result<Account, Error> {
        let account = self.account_by_email(email).await?.ok_or(Error::NotFound)?;
        text::password("password", password.expose_secret())
            .map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        let password_hash = self.hash_password(Lane::Known(account.id), password).await?;
        let mut work = self.work().await?;
        let tx = &mut work.tx;
        if !tx.set_password_hash(account.id, &password_hash).await? {
            return Err(Error::NotFound);
        }
        if end_two_step {
            tx.delete_totp(account.id).await?;
        }
        void_links(tx, account.id).await?;
        forget_tries_at_password(tx, account.id, &account.email).await?;
        tx.end_sessions_of(account.id).await?;
        work.security_notice(account.id, MailKind::PasswordChanged, "").await?;
        work.commit_end_of_access(account.id).await?;
        tracing::info!(user_id = %account.id, end_two_step, "password replaced by an operator");
        Ok(account)
    }
}
