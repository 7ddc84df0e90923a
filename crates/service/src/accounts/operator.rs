//! What only an operator may do with an account: let somebody in who is locked out.

use reef_domain::validation;
use reef_store::MailKind;
use secrecy::{ExposeSecret, SecretString};

use crate::accounts::hashing::Lane;
use crate::accounts::{Account, revoke_links};
use crate::error::Error;
use crate::services::Services;
use crate::throttling::throttle::reset_password_throttle;

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
        disable_two_factor: bool,
    ) -> Result<Account, Error> {
        let account = self.find_account_by_email(email).await?.ok_or(Error::NotFound)?;
        validation::password("password", password.expose_secret())
            .map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        let password_hash = self.hash_password(Lane::Known(account.id), password).await?;
        let mut work = self.unit_of_work().await?;
        let tx = &mut work.tx;
        if !tx.update_password_hash(account.id, &password_hash).await? {
            return Err(Error::NotFound);
        }
        if disable_two_factor {
            tx.delete_totp(account.id).await?;
        }
        revoke_links(tx, account.id).await?;
        reset_password_throttle(tx, account.id, &account.email).await?;
        tx.delete_sessions(account.id).await?;
        work.enqueue_security_notice(account.id, MailKind::PasswordChanged, "").await?;
        work.commit_access_revoked(account.id).await?;
        tracing::info!(user_id = %account.id, disable_two_factor, "password replaced by an operator");
        Ok(account)
    }
}
