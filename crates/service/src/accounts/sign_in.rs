//! Signing in: first the password, then a code if the account requires one.

use std::time::Duration;

use reef_domain::ids::UserId;
use reef_domain::{Timestamp, validation};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::accounts::hashing::Lane;
use crate::accounts::known_devices::Client;
use crate::accounts::{Account, DUMMY_PASSWORD_HASH, PasswordFingerprint};
use crate::error::Error;
use crate::services::Services;
use crate::throttling::throttle::ThrottleKey;

/// How long after the password the code may be given.
pub const CODE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

const TOO_MANY_ATTEMPTS: &str = "Too many failed attempts";
/// A password reset lifts the wait.
const TOO_MANY_ATTEMPTS_RESET: &str =
    "Too many failed attempts. To sign in without waiting, reset your password by email";

/// The outcome of giving the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// The person is signed in.
    SignedIn(Account),
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
    proof: PasswordFingerprint,
}

impl Services {
    /// Signs in with an email and a password.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`], which is the same and takes as long for an unknown email as for a wrong password;
    /// [`Error::RateLimited`] after too many failed attempts, for both alike. A known device waits only because of its
    /// own attempts.
    pub async fn sign_in_with_password(
        &self,
        email: &str,
        password: &SecretString,
        from: impl Into<Client>,
    ) -> Result<SignIn, Error> {
        let client = from.into();
        let found = match validation::email("email", email) {
            Ok(email) => {
                let mut tx = self.store().read().await?;
                tx.find_user_by_email(&email).await?
            }
            Err(_) => None,
        };
        let device = self.known_device(&client, found.as_ref());
        let key = ThrottleKey::sign_in(email, client.address, device.as_ref());
        let message = if self.is_mail_enabled() { TOO_MANY_ATTEMPTS_RESET } else { TOO_MANY_ATTEMPTS };
        let lane = match &found {
            Some(user) if device.is_some() => Lane::Known(user.id),
            _ => Lane::Anonymous,
        };
        let permit = self.hashing().reserve(lane)?;
        self.admit_attempt(&key, message).await?;
        let hash =
            found.as_ref().map_or_else(|| DUMMY_PASSWORD_HASH.to_owned(), |user| user.password_hash.clone());
        let matches = self.verify_password_hash(permit, password, hash).await?;
        count_sign_in(if matches { "password_accepted" } else { "password_rejected" });
        let user = found.filter(|_| matches).ok_or(Error::WrongCredentials)?;
        self.record_successful_attempt(&key).await?;
        if self.find_confirmed_totp(user.id).await?.is_some() {
            let proof = PasswordFingerprint::of(&user);
            return Ok(SignIn::NeedsCode(PendingSignIn { user_id: user.id, since: self.now(), proof }));
        }
        Ok(SignIn::SignedIn(user.into()))
    }

    /// Completes a sign-in with a code of the authenticator app or a recovery code, within ten minutes of the password.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] about `code`: `wrong` when it is incorrect or was used, `sign_in_over` when the
    /// sign-in has expired or the account was changed meanwhile; [`Error::RateLimited`] after too many wrong codes.
    pub async fn sign_in_with_code(
        &self,
        pending: &PendingSignIn,
        code: &SecretString,
        from: impl Into<Client>,
    ) -> Result<Account, Error> {
        let over = || {
            let message = "Your sign-in timed out or your account changed. Sign in again.";
            Error::invalid_field("code", "sign_in_over", message)
        };
        let user = self.store().read().await?.find_user(pending.user_id).await?;
        let in_time = self.now().since(pending.since) < CODE_TIMEOUT;
        let user =
            user.filter(|user| in_time && PasswordFingerprint::of(user) == pending.proof).ok_or_else(over)?;
        if self.find_confirmed_totp(user.id).await?.is_none() {
            return Err(over());
        }
        let proven = self.verify_code(&user, code, &from.into()).await;
        match &proven {
            Ok(()) => count_sign_in("code_accepted"),
            Err(Error::InvalidRequest(_)) => count_sign_in("code_rejected"),
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
        let now = tx.find_user(account.id).await?;
        tx.commit().await?;
        let is_same = now.is_some_and(|user| PasswordFingerprint::of(&user) == account.password_fingerprint);
        if is_same { Ok(()) } else { Err(Error::WrongCredentials) }
    }
}

fn count_sign_in(outcome: &'static str) {
    metrics::counter!("reef_sign_in_attempts_total", "outcome" => outcome).increment(1);
}
