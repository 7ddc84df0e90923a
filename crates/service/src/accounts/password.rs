//! Changing the password, and proving identity with the current one.

use reef_domain::validation;
use reef_store::{MailKind, Tx, UserRow};
use secrecy::{ExposeSecret, SecretString};

use crate::accounts::hashing::Lane;
use crate::accounts::known_devices::Client;
use crate::accounts::requires_code;
use crate::accounts::revoke_links;
use crate::api_keys::require_session;
use crate::caller::{Caller, PasswordStamp, password_required};
use crate::error::Error;
use crate::services::Services;
use crate::throttling::throttle::{ThrottleKey, reset_password_throttle};
use crate::unit_of_work::UnitOfWork;

/// What the session that has changed a password continues with.
#[derive(Clone, Debug)]
pub struct PasswordChange {
    /// The caller with the new password proven.
    pub caller: Caller,
    /// The browser's new device cookie.
    pub devices: SecretString,
}

impl Services {
    /// Verifies the caller's password, so that they need not give it again for a while.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] about `password`; [`Error::RateLimited`] after too
    /// many wrong ones.
    pub async fn reauthenticate(
        &self,
        caller: &Caller,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<Caller, Error> {
        require_session(caller)?;
        if password.expose_secret().is_empty() {
            return Err(password_required());
        }
        let user = self.verify_caller_password(caller, password, "password", &from.into()).await?;
        Ok(Caller::with_proven_password(user.id, PasswordStamp::of(&user)))
    }

    /// Changes the caller's password. All other sessions and their streams end, and so do sign-ins that wait for a
    /// code; the session stored as `current_row` stays. Links to a new password or another email are revoked, because
    /// the person who requested them may be the reason for the change. API keys stay valid. The owner is notified by mail.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for API keys; [`Error::InvalidRequest`] for an invalid new password (`newPassword`), or
    /// about `password` when the current one was not given recently or was changed meanwhile.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current_row: &str,
        new: &SecretString,
        from: impl Into<Client>,
    ) -> Result<PasswordChange, Error> {
        let user = self.get_own_account(caller).await?;
        validation::password("newPassword", new.expose_secret())
            .map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        caller.require_current_password(&user)?;
        let client = from.into();
        let password_hash = self.hash_password(Lane::Known(user.id), new).await?;
        let mut work = self.unit_of_work().await?;
        if !work.tx.update_password_hash_if_unchanged(user.id, &user.password_hash, &password_hash).await? {
            return Err(wrong_password("password"));
        }
        revoke_links(&mut work.tx, user.id).await?;
        reset_password_throttle(&mut work.tx, user.id, &user.email).await?;
        let takes_code = requires_code(&mut work.tx, user.id).await?;
        work.tx.delete_other_sessions(user.id, current_row).await?;
        work.enqueue_security_notice(user.id, MailKind::PasswordChanged, "").await?;
        work.commit_access_revoked(user.id).await?;
        tracing::info!(user_id = %user.id, "password changed");
        let after = UserRow { password_hash, ..user.clone() };
        let caller = Caller::with_proven_password(user.id, PasswordStamp::of(&after));
        let devices = self.devices_after_new_password(&client, &user, &after.into(), takes_code);
        Ok(PasswordChange { caller, devices })
    }

    /// Verifies the password of the caller's account. Errors are about `field`.
    pub(super) async fn verify_caller_password(
        &self,
        caller: &Caller,
        password: &SecretString,
        field: &str,
        client: &Client,
    ) -> Result<UserRow, Error> {
        let user = self.get_own_account(caller).await?;
        self.verify_password_of(&user, password, field, client).await?;
        Ok(user)
    }

    /// Verifies the password of an account, for a request that came by its session or its mail.
    pub(super) async fn verify_password_of(
        &self,
        user: &UserRow,
        password: &SecretString,
        field: &str,
        client: &Client,
    ) -> Result<(), Error> {
        let device = self.known_device(client, Some(user));
        let key = ThrottleKey::password_proof(user.id, device.as_ref());
        let permit = self.hashing().reserve(Lane::Known(user.id))?;
        self.admit_attempt(&key, "Too many incorrect passwords").await?;
        if !self.verify_password_hash(permit, password, user.password_hash.clone()).await? {
            return Err(wrong_password(field));
        }
        self.record_successful_attempt(&key).await
    }

    /// Gets the account of a session.
    pub(super) async fn get_own_account(&self, caller: &Caller) -> Result<UserRow, Error> {
        require_session(caller)?;
        self.store().read().await?.find_user(caller.user_id).await?.ok_or(Error::Unauthorized)
    }
}

/// Locks an account whose password was verified, and fails if the password was changed meanwhile.
pub(super) async fn lock_if_password_unchanged(tx: &mut Tx, verified: &UserRow) -> Result<(), Error> {
    tx.lock_user(verified.id).await?;
    let now = tx.find_user(verified.id).await?.ok_or(Error::Unauthorized)?;
    if now.password_hash == verified.password_hash { Ok(()) } else { Err(wrong_password("password")) }
}

pub(super) fn wrong_password(field: &str) -> Error {
    Error::invalid_field(field, "wrong", "Incorrect password.")
}

impl UnitOfWork<'_> {
    /// Requires that the caller has given the password that the account has now, and locks the account until the
    /// transaction ends. A session that a password change ends therefore fails here if it has not failed before.
    pub async fn require_password(&mut self, caller: &Caller) -> Result<UserRow, Error> {
        self.tx.lock_user(caller.user_id).await?;
        let user = self.tx.find_user(caller.user_id).await?.ok_or(Error::Unauthorized)?;
        caller.require_current_password(&user)?;
        Ok(user)
    }
}
