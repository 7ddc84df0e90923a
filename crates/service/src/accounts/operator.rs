//! What only an operator may do with an account: let somebody in again who has no way in of their own.

use reef_domain::text;
use reef_store::MailKind;
use secrecy::{ExposeSecret, SecretString};

use super::{Account, void_links};
use crate::error::Error;
use crate::hashing::Lane;
use crate::services::Services;
use crate::tries::forget_tries_at_password;

impl Services {
    /// Replaces an account's password, and ends all of its sessions and whatever they have open; links to another one, or to
    /// another address, are good for nothing then. With `end_two_step` the password alone signs in from then on, for somebody
    /// who has lost authenticator app and recovery codes.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such an account; [`Error::InvalidRequest`] for a bad password; [`Error::RateLimited`]
    /// when too many people sign in at this moment.
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
        tracing::info!(user_id = %account.id, end_two_step, "an operator has replaced a password");
        Ok(account)
    }
}
