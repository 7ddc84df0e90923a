//! Signing in: first the password, then a code if the account requires one.

use std::time::Duration;

use reef_domain::ids::UserId;
use reef_domain::{Timestamp, text};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Account, NOBODY, Proof};
use crate::client::Client;
use crate::error::Error;
use crate::hashing::Lane;
use crate::services::Services;
use crate::tries::TryOf;

/// How long after the password the code may be given.
pub const CODE_WITHIN: Duration = Duration::from_secs(10 * 60);

const MANY_FAILED: &str = "Too many failed attempts";
/// A password reset lifts the wait.
const MANY_FAILED_RESET: &str =
    "Too many failed attempts. To sign in without waiting, reset your password by email";

/// The outcome of giving the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// The person is signed in.
    Done(Account),
    /// The password was right, and a code is required before the person is signed in.
    NeedsCode(PendingSignIn),
}

/// A sign-in that still waits for its code. It is stored with the browser's session, where the browser cannot change
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    user_id: UserId,
    since: Timestamp,
    /// A new password invalidates the pending sign-in.
    proof: Proof,
}

impl Services {
    /// Signs in with an email and a password.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`], which is the same and takes as long for an unknown email as for a wrong password;
    /// [`Error::RateLimited`] after too many failed attempts, for both alike. A known device waits only because of its
    /// own attempts.
    pub async fn sign_in_first(
        &self,
        email: &str,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<SignIn, Error> {
        let client = from.into();
        let found = match text::email("email", email) {
            Ok(email) => {
                let mut tx = self.store().read().await?;
                tx.user_by_email(&email).await?
            }
            Err(_) => None,
        };
        let device = self.known_device(&client, found.as_ref());
        let what = TryOf::signing_in(email, client.address, device.as_ref());
        let message = if self.mail_is_on() { MANY_FAILED_RESET } else { MANY_FAILED };
        let lane = match &found {
            Some(user) if device.is_some() => Lane::Known(user.id),
            _ => Lane::Strangers,
        };
        let permit = self.hashing().admit(lane)?;
        self.begin_try(&what, message).await?;
        let hash = found.as_ref().map_or_else(|| NOBODY.to_owned(), |user| user.password_hash.clone());
        let matches = self.verify_password(permit, password, hash).await?;
        count(if matches { "password_accepted" } else { "password_rejected" });
        let user = found.filter(|_| matches).ok_or(Error::WrongCredentials)?;
        self.try_succeeded(&what).await?;
        if self.confirmed_totp(user.id).await?.is_some() {
            let proof = Proof::of(&user);
            return Ok(SignIn::NeedsCode(PendingSignIn { user_id: user.id, since: self.now(), proof }));
        }
        Ok(SignIn::Done(user.into()))
    }

    /// Completes a sign-in with a code of the authenticator app or a recovery code, within ten minutes of the password.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] about `code`: `wrong` when it is incorrect or was used, `sign_in_over` when the
    /// sign-in has expired or the account was changed meanwhile; [`Error::RateLimited`] after too many wrong codes.
    pub async fn sign_in_second(
        &self,
        pending: &PendingSignIn,
        code: &SecretString,
        from: impl Into<Client>,
    ) -> Result<Account, Error> {
        let over = || {
            let message = "Your sign-in timed out or your account changed. Sign in again.";
            Error::invalid_field("code", "sign_in_over", message)
        };
        let user = self.store().read().await?.user(pending.user_id).await?;
        let in_time = self.now().since(pending.since) < CODE_WITHIN;
        let user = user.filter(|user| in_time && Proof::of(user) == pending.proof).ok_or_else(over)?;
        if self.confirmed_totp(user.id).await?.is_none() {
            return Err(over());
        }
        let proven = self.prove_code(&user, code, &from.into()).await;
        match &proven {
            Ok(()) => count("code_accepted"),
            Err(Error::InvalidRequest(_)) => count("code_rejected"),
            Err(_) => {}
        }
        proven.map(|()| user.into())
    }

    /// Requires that the account still has the password that was signed in with. Call it once the session is stored: a
    /// password change ends the sessions it finds, and a session that it did not find fails here.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`] when the password was changed meanwhile.
    pub async fn confirm_sign_in(&self, account: &Account) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        tx.lock_user(account.id).await?;
        let now = tx.user(account.id).await?;
        tx.commit().await?;
        let is_same = now.is_some_and(|user| Proof::of(&user) == account.proof);
        if is_same { Ok(()) } else { Err(Error::WrongCredentials) }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("reef_sign_in_attempts_total", "outcome" => outcome).increment(1);
}
