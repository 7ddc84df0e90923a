//! Signing in: the password first, then a code where the account asks for one.

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

/// How long after the password the code may come.
pub const CODE_WITHIN: Duration = Duration::from_secs(10 * 60);

const MANY_FAILED: &str = "Too many failed attempts to sign in";
/// Where mail is sent, nobody has to wait.
const MANY_FAILED_RESET: &str =
    "Too many failed attempts to sign in. Resetting your password by email lets you in now";

/// What came of the first step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// That was all.
    Done(Account),
    /// The password was right, and a code has to follow: nobody is signed in until then.
    NeedsCode(PendingSignIn),
}

/// Somebody who has given the right password and no code yet. Kept with their browser's session, out of its reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    user_id: UserId,
    since: Timestamp,
    /// Another password ends this.
    proof: Proof,
}

impl Services {
    /// Checks an address and a password.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`], the same and as slow for an unknown address as for a wrong password;
    /// [`Error::RateLimited`] after too many of them, for both alike. A browser that has signed in before waits for its
    /// own tries alone.
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
        count(if matches { "right" } else { "wrong" });
        let user = found.filter(|_| matches).ok_or(Error::WrongCredentials)?;
        self.try_succeeded(&what).await?;
        if self.confirmed_totp(user.id).await?.is_some() {
            let proof = Proof::of(&user);
            return Ok(SignIn::NeedsCode(PendingSignIn { user_id: user.id, since: self.now(), proof }));
        }
        Ok(SignIn::Done(user.into()))
    }

    /// Checks the code of the account's authenticator app, or one of its recovery codes, within ten minutes of the
    /// password.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] about `code`: `wrong` for one that is not right or was used, `sign_in_over` when it has
    /// to begin anew, because it took too long or the account was changed meanwhile; [`Error::RateLimited`] after too many
    /// wrong codes.
    pub async fn sign_in_second(
        &self,
        pending: &PendingSignIn,
        code: &SecretString,
        from: impl Into<Client>,
    ) -> Result<Account, Error> {
        let over = || {
            let message = "This took too long, or the account was changed meanwhile. Sign in again.";
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
            Ok(()) => count("right_code"),
            Err(Error::InvalidRequest(_)) => count("wrong_code"),
            Err(_) => {}
        }
        proven.map(|()| user.into())
    }

    /// Passes while the account's password is still the one that somebody has signed in with. To be asked once their
    /// session is kept: a change of the password ends every session that it finds, and whoever is not found finds the
    /// change here.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`] when it is another one by now.
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
    metrics::counter!("reef_sign_ins_total", "outcome" => outcome).increment(1);
}
