//! Accounts: signing up and in, and what protects an account from everybody but its owner.

mod deletion;
mod email_change;
mod email_confirmation;
pub(crate) mod hashing;
pub(crate) mod known_devices;
mod one_time_code;
mod operator;
mod password;
mod password_reset;
mod recovery_codes;
mod reset_link;
mod sessions;
mod sign_in;
mod stored_sessions;
mod totp;
mod user_agent;

use std::fmt;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use reef_domain::ids::UserId;
use reef_domain::{Issue, validation};
use reef_store::{MailKind, TokenPurpose, Tx, UserRow};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::accounts::hashing::{HashingPermit, Lane};
use crate::caller::PasswordStamp;
use crate::error::Error;
use crate::services::Services;
use crate::throttling::ClientAddress;
use crate::throttling::throttle::ThrottleKey;
use data_encoding::HEXLOWER;
use reef_vault::fingerprint;

pub use deletion::{AccountDeletion, DeletionPreview};
pub use email_confirmation::LinkAccess;
pub(crate) use known_devices::Device;
pub use known_devices::{Client, DeviceCookie};
#[cfg(feature = "testing")]
pub(crate) use one_time_code::code_now;
pub use password::PasswordChange;
pub use password_reset::PasswordReset;
pub use reset_link::ResetLink;
pub use sessions::SessionView;
pub use sign_in::{CODE_TIMEOUT, PendingSignIn, SignIn};
pub use stored_sessions::StoredSession;
pub(crate) use totp::{COLUMN as TOTP_SECRET, CONFIRM_TIMEOUT};
pub use totp::{NewTotp, TotpStatus};
pub use user_agent::sanitize_user_agent;

/// The hash of a password that nobody has. Verifying against it takes as long as against a real hash, so response times
/// do not reveal which emails have accounts.
const DUMMY_PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$B09DI12Fc2x2IqD0rQmR8n4vO0e2XrxlFG3XJsyUvW0";

/// An account as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Identifies the account for life.
    pub id: UserId,
    /// The email that it signs in with.
    pub email: String,
    /// Whether its owner has proven that the email belongs to them. An account works fully without that.
    pub email_confirmed: bool,
    password_fingerprint: PasswordFingerprint,
    stamp: PasswordStamp,
}

/// A keyed hash of a password hash: equal fingerprints mean the password was not changed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PasswordFingerprint(String);

impl PasswordFingerprint {
    fn of(user: &UserRow) -> Self {
        Self::of_hash(&user.password_hash)
    }

    fn of_hash(password_hash: &str) -> Self {
        Self(HEXLOWER.encode(&fingerprint("reef password proof", password_hash)))
    }
}

impl Account {
    /// The stamp of its password, for a session that has just given that password.
    #[must_use]
    pub const fn password_stamp(&self) -> PasswordStamp {
        self.stamp
    }
}

impl fmt::Debug for PasswordFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordFingerprint")
    }
}

impl From<UserRow> for Account {
    fn from(row: UserRow) -> Self {
        let (proof, stamp) = (PasswordFingerprint::of(&row), PasswordStamp::of(&row));
        Self {
            id: row.id,
            email: row.email,
            email_confirmed: row.email_confirmed_at.is_some(),
            password_fingerprint: proof,
            stamp,
        }
    }
}

/// The error for every invalid link, whatever the reason, so that a link reveals nothing.
fn invalid_link() -> Error {
    let message = "This link was already used or has expired. Request a new one.";
    Error::invalid_field("", "link_over", message)
}

/// Revokes open links to a new password or another email. The person who requested them may be the reason for the new
/// password.
async fn revoke_links(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    for purpose in [TokenPurpose::Reset, TokenPurpose::Change] {
        tx.revoke_mail_tokens(user, purpose).await?;
    }
    Ok(())
}

/// The normalized email, when both are valid.
fn validate_credentials(email: &str, password: &SecretString) -> Result<String, Error> {
    let address = validation::email("email", email);
    let strength = validation::password("password", password.expose_secret());
    match (address, strength) {
        (Ok(email), Ok(())) => Ok(email),
        (address, strength) => {
            Err(Error::InvalidRequest(address.err().into_iter().chain(strength.err()).collect()))
        }
    }
}

/// Whether signing in requires a code in addition to the password.
async fn requires_code(tx: &mut Tx, user: UserId) -> Result<bool, reef_store::StoreError> {
    Ok(tx.find_totp(user).await?.is_some_and(|row| row.confirmed_at.is_some()))
}

impl Services {
    /// Creates an account and, if Reef can send email, sends a link that confirms its address.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an invalid email or password, an email that has an account, or when sign-ups are
    /// closed; [`Error::RateLimited`] when too many accounts were created from this network, or too many people are
    /// signing in.
    pub async fn sign_up(
        &self,
        email: &str,
        password: &SecretString,
        from: ClientAddress,
    ) -> Result<Account, Error> {
        if !self.config().signups_open {
            return Err(Error::invalid_field(
                "",
                "signups_closed",
                "Sign-ups are closed. Contact support for an invitation.",
            ));
        }
        validate_credentials(email, password)?;
        let message = "Too many accounts were created from your network";
        self.admit_attempt(&ThrottleKey::sign_up(from), message).await?;
        self.insert_account(email, password, self.is_mail_enabled()).await
    }

    /// Creates an account, whether or not sign-ups are open.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an invalid email or password, or an email that has an account;
    /// [`Error::RateLimited`] when too many people are signing in.
    pub async fn create_user(&self, email: &str, password: &SecretString) -> Result<Account, Error> {
        self.insert_account(email, password, false).await
    }

    async fn insert_account(
        &self,
        email: &str,
        password: &SecretString,
        needs_confirmation: bool,
    ) -> Result<Account, Error> {
        let email = validate_credentials(email, password)?;
        let password_hash = self.hash_password(Lane::Anonymous, password).await?;
        let id = UserId::new(self.new_uuid());
        let row = UserRow {
            id,
            email,
            password_hash,
            signing_secret: self.create_signing_secret(id)?,
            previous_signing_secret: None,
            signing_secret_rotated_at: None,
            created_at: self.now(),
            email_confirmed_at: None,
        };
        let mut work = self.unit_of_work().await?;
        if !work.tx.insert_user(&row).await? {
            let issue =
                Issue::new("email", "taken", "An account with this email already exists. Sign in instead.");
            return Err(Error::InvalidRequest(vec![issue]));
        }
        if needs_confirmation {
            work.enqueue_link_mail(Some(&row), MailKind::ConfirmAddress, TokenPurpose::Confirm, &row.email)
                .await?;
        }
        work.commit(None).await?;
        tracing::info!(user_id = %id, "account created");
        Ok(row.into())
    }

    /// Finds an account; `None` once it is deleted.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn find_account(&self, id: UserId) -> Result<Option<Account>, Error> {
        let mut tx = self.store().read_committed().await?;
        Ok(tx.find_user(id).await?.map(Account::from))
    }

    /// Finds an account by its email, for the operator's command line.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn find_account_by_email(&self, email: &str) -> Result<Option<Account>, Error> {
        let mut tx = self.store().read().await?;
        Ok(tx.find_user_by_email(&email.trim().to_lowercase()).await?.map(Account::from))
    }

    async fn hash_password(&self, lane: Lane, password: &SecretString) -> Result<String, Error> {
        let mut salt = [0; 16];
        self.ports().entropy.fill(&mut salt);
        let password = password.clone();
        self.hashing()
            .reserve(lane)?
            .run(move || {
                let hash =
                    Argon2::default().hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
                hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(error.to_string()))
            })
            .await
    }

    async fn verify_password_hash(
        &self,
        permit: HashingPermit,
        password: &SecretString,
        hash: String,
    ) -> Result<bool, Error> {
        let password = password.clone();
        permit
            .run(move || {
                // Hashing longer texts would cost more.
                if password.expose_secret().len() > validation::PASSWORD_MAX {
                    return Ok(false);
                }
                let hash = PasswordHash::new(&hash).map_err(|error| Error::internal(error.to_string()))?;
                Ok(Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
            })
            .await
    }
}
