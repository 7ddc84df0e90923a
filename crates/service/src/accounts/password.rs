//! Changing the password, and proving identity with the current one.

use reef_domain::text;
use reef_store::{MailKind, Tx, UserRow};
use secrecy::{ExposeSecret, SecretString};

use super::totp::takes_code;
use super::void_links;
use crate::api_keys::only_people;
use crate::caller::{Caller, PasswordStamp, password_required};
use crate::client::Client;
use crate::error::Error;
use crate::hashing::Lane;
use crate::services::Services;
use crate::tries::{TryOf, forget_tries_at_password};

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
    pub async fn give_password(
        &self,
        caller: &Caller,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<Caller, Error> {
        only_people(caller)?;
        if password.expose_secret().is_empty() {
            return Err(password_required());
        }
        let user = self.prove_password(caller, password, "password", &from.into()).await?;
        Ok(Caller::with_password(user.id, PasswordStamp::of(&user)))
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
        let user = self.own_account(caller).await?;
        text::password("newPassword", new.expose_secret())
            .map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        caller.require_password_of(&user)?;
        let client = from.into();
        let password_hash = self.hash_password(Lane::Known(user.id), new).await?;
        let mut work = self.work().await?;
        if !work.tx.change_password_hash(user.id, &user.password_hash, &password_hash).await? {
            return Err(wrong_password("password"));
        }
        void_links(&mut work.tx, user.id).await?;
        forget_tries_at_password(&mut work.tx, user.id, &user.email).await?;
        let takes_code = takes_code(&mut work.tx, user.id).await?;
        work.tx.end_other_sessions(user.id, current_row).await?;
        work.security_notice(user.id, MailKind::PasswordChanged, "").await?;
        work.commit_end_of_access(user.id).await?;
        tracing::info!(user_id = %user.id, "password changed");
        let after = UserRow { password_hash, ..user.clone() };
        let caller = Caller::with_password(user.id, PasswordStamp::of(&after));
        let devices = self.devices_after_new_password(&client, &user, &after.into(), takes_code);
        Ok(PasswordChange { caller, devices })
    }

    /// Verifies the password of the caller's account. Errors are about `field`.
    pub(super) async fn prove_password(
        &self,
        caller: &Caller,
        password: &SecretString,
        field: &str,
        client: &Client,
    ) -> Result<UserRow, Error> {
        let user = self.own_account(caller).await?;
        self.prove_password_of(&user, password, field, client).await?;
        Ok(user)
    }

    /// Verifies the password of an account, for a request that came by its session or its mail.
    pub(super) async fn prove_password_of(
        &self,
        user: &UserRow,
        password: &SecretString,
        field: &str,
        client: &Client,
    ) -> Result<(), Error> {
        let device = self.known_device(client, Some(user));
        let what = TryOf::proving(user.id, device.as_ref());
        let permit = self.hashing().admit(Lane::Known(user.id))?;
        self.begin_try(&what, "Too many incorrect passwords").await?;
        if !self.verify_password(permit, password, user.password_hash.clone()).await? {
            return Err(wrong_password(field));
        }
        self.try_succeeded(&what).await
    }

    /// Gets the account of a session.
    pub(super) async fn own_account(&self, caller: &Caller) -> Result<UserRow, Error> {
        only_people(caller)?;
        self.store().read().await?.user(caller.user_id).await?.ok_or(Error::Unauthorized)
    }
}

/// Locks an account whose password was verified, and fails if the password was changed meanwhile.
pub(super) async fn lock_proven(tx: &mut Tx, proven: &UserRow) -> Result<(), Error> {
    tx.lock_user(proven.id).await?;
    let now = tx.user(proven.id).await?.ok_or(Error::Unauthorized)?;
    if now.password_hash == proven.password_hash { Ok(()) } else { Err(wrong_password("password")) }
}

pub(super) fn wrong_password(field: &str) -> Error {
    Error::invalid_field(field, "wrong", "Incorrect password.")
}
