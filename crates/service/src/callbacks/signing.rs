//! The signature, retry schedule and signing secrets of callbacks, as Standard Webhooks defines them.

use std::time::Duration;

use data_encoding::BASE64;
use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use reef_store::{MailKind, UserRow};
use secrecy::{ExposeSecret, SecretString};
use standardwebhooks::Webhook;

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use reef_vault::SecretLocation;

/// The waits after the failed attempts of a delivery, as Standard Webhooks recommends.
pub const RETRY_DELAYS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];

/// How long the previous secret also signs after a rotation.
pub const PREVIOUS_SECRET_VALID_FOR: Duration = Duration::from_secs(24 * 3600);

const PREFIX: &str = "whsec_";
const SECRET_BYTES: usize = 32;
pub(crate) const COLUMN: &str = "users.signing_secret";

/// The `webhook-signature` header: one signature per secret, so two during a rotation (`v1,… v1,…`).
///
/// # Errors
/// [`Error::Internal`] when a stored secret is malformed.
pub fn sign(secrets: &[SecretString], id: &str, timestamp: i64, body: &str) -> Result<String, Error> {
    let signatures = secrets.iter().map(|secret| {
        let webhook = Webhook::new(secret.expose_secret()).map_err(Error::internal)?;
        webhook.sign(id, timestamp, body.as_bytes()).map_err(Error::internal)
    });
    Ok(signatures.collect::<Result<Vec<_>, _>>()?.join(" "))
}

impl Services {
    /// Creates a signing secret, sealed for its account.
    pub(crate) fn create_signing_secret(&self, user: UserId) -> Result<Vec<u8>, Error> {
        let mut bytes = [0; SECRET_BYTES];
        self.ports().entropy.fill(&mut bytes);
        // Every verifier accepts standard, padded base64.
        let secret = format!("{PREFIX}{}", BASE64.encode(&bytes));
        let place = SecretLocation { column: COLUMN, row: &user };
        self.vault().seal(&secret, place, &*self.ports().entropy).map_err(Error::internal)
    }

    /// The secrets that sign an account's callbacks at `now`, the current one first.
    pub(crate) fn open_signing_secrets(
        &self,
        user: &UserRow,
        now: Timestamp,
    ) -> Result<Vec<SecretString>, Error> {
        let open = |sealed: &[u8]| {
            self.vault()
                .open(sealed, SecretLocation { column: COLUMN, row: &user.id })
                .map_err(Error::internal)
        };
        let mut secrets = vec![open(&user.signing_secret)?];
        if let (Some(previous), Some(rotated)) =
            (&user.previous_signing_secret, user.signing_secret_rotated_at)
            && now.since(rotated) < PREVIOUS_SECRET_VALID_FOR
        {
            secrets.push(open(previous)?);
        }
        Ok(secrets)
    }

    /// The account's current signing secret, as verifiers expect it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub async fn get_signing_secret(&self, user: UserId) -> Result<SecretString, Error> {
        let mut tx = self.store().read().await?;
        let user = tx.find_user(user).await?.ok_or(Error::NotFound)?;
        let mut secrets = self.open_signing_secrets(&user, self.now())?;
        Ok(secrets.swap_remove(0))
    }

    /// Rotates the signing secret of the caller's account and returns the new one. The previous one also signs for 24 h.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for an API key; [`Error::InvalidRequest`] unless the password was entered recently;
    /// [`Error::Unauthorized`] when there is no such account.
    pub async fn rotate_signing_secret(&self, caller: &Caller) -> Result<SecretString, Error> {
        caller.require_password()?;
        let user = caller.user_id;
        let sealed = self.create_signing_secret(user)?;
        let mut work = self.unit_of_work().await?;
        work.require_password(caller).await?;
        work.tx.rotate_signing_secret(user, &sealed, work.now).await?;
        work.enqueue_security_notice(user, MailKind::SigningSecretRotated, "").await?;
        work.commit(None).await?;
        self.get_signing_secret(user).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_matches_the_test_vector_of_the_spec() {
        let secret = SecretString::from("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let body = r#"{"email":"test@example.com","username":"test_user"}"#;
        let signed =
            sign(&[secret.clone(), secret], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body).unwrap();
        let one = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert_eq!(signed, format!("{one} {one}"));
    }
}
