//! Another password, and the proof by the one there is.

use reef_domain::text;
use reef_store::UserRow;
use secrecy::{ExposeSecret, SecretString};

use super::void_links;
use crate::api_keys::only_people;
use crate::caller::Caller;
use crate::client::Client;
use crate::error::Error;
use crate::services::Services;
use crate::tries::{TryOf, forget_tries_at_password};

impl Services {
    /// Replaces the caller's password. Every other session of the account ends, with whatever it has open, and so does a
    /// sign-in that still waits for its code; the session kept under `current_row` stays. Links to a new password or
    /// another address are good for nothing then: whoever asked for them may be who the change is against. API keys stay.
    /// Gives what the browser is to bring along as a device from now on.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when a key asks; [`Error::InvalidRequest`] for a bad new password (`newPassword`) or a wrong
    /// current one (`currentPassword`), also when another change was faster; [`Error::RateLimited`] after too many wrong
    /// ones.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current_row: &str,
        current: &SecretString,
        new: &SecretString,
        from: impl Into<Client>,
    ) -> Result<SecretString, Error> {
        only_people(caller)?;
        let client = from.into();
        text::password("newPassword", new.expose_secret())
            .map_err(|issue| Error::InvalidRequest(vec![issue]))?;
        let user = self.prove_password(caller, current, "currentPassword", &client).await?;
        let password_hash = self.hash_password(new).await?;
        let mut tx = self.store().begin().await?;
        if !tx.change_password_hash(user.id, &user.password_hash, &password_hash).await? {
            return Err(wrong_password("currentPassword"));
        }
        void_links(&mut tx, user.id).await?;
        forget_tries_at_password(&mut tx, user.id, &user.email).await?;
        tx.end_other_sessions(user.id, current_row).await?;
        self.commit_end_of_access(tx, user.id).await?;
        tracing::info!(user_id = %user.id, "password changed");
        let device = self.known_device(&client, Some(&user));
        Ok(self.renewed_devices(&client, device.as_ref(), &UserRow { password_hash, ..user }.into()))
    }

    /// Passes when the caller knows the account's password; `field` is where it was typed.
    pub(super) async fn prove_password(
        &self,
        caller: &Caller,
        password: &SecretString,
        field: &str,
        client: &Client,
    ) -> Result<UserRow, Error> {
        let user = self.own_account(caller).await?;
        let device = self.known_device(client, Some(&user));
        let what = TryOf::proving(user.id, device.as_ref());
        self.begin_try(&what, "Too many wrong passwords").await?;
        if !self.verify_password(password, user.password_hash.clone()).await? {
            return Err(wrong_password(field));
        }
        self.try_succeeded(&what).await?;
        Ok(user)
    }

    /// The caller's account.
    pub(super) async fn own_account(&self, caller: &Caller) -> Result<UserRow, Error> {
        only_people(caller)?;
        self.store().read().await?.user(caller.user_id).await?.ok_or(Error::Unauthorized)
    }
}

pub(super) fn wrong_password(field: &str) -> Error {
    Error::invalid_field(field, "wrong", "This is not your password.")
}
