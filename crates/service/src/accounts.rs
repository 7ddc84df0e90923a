//! Accounts: signing up and in.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use reef_domain::ids::UserId;
use reef_domain::{Issue, text};
use reef_store::UserRow;
use secrecy::{ExposeSecret, SecretString};

use crate::client::ClientAddress;
use crate::error::Error;
use crate::services::Services;
use crate::tries::TryOf;

/// A hash of no password that anybody has: verifying against it takes as long as against a real one, so
/// the time of an answer does not tell whether an address has an account.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$B09DI12Fc2x2IqD0rQmR8n4vO0e2XrxlFG3XJsyUvW0";

/// An account as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Its address.
    pub email: String,
}

impl From<UserRow> for Account {
    fn from(row: UserRow) -> Self {
        Self { id: row.id, email: row.email }
    }
}

/// The address as it is kept, when both are good.
fn check(email: &str, password: &SecretString) -> Result<String, Error> {
    let address = text::email("email", email);
    let strength = text::password("password", password.expose_secret());
    match (address, strength) {
        (Ok(email), Ok(())) => Ok(email),
        (address, strength) => {
            Err(Error::InvalidRequest(address.err().into_iter().chain(strength.err()).collect()))
        }
    }
}

impl Services {
    /// Opens an account for a stranger who asks from an address.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a bad address or password, an address that has an account, or when
    /// sign-ups are closed; [`Error::RateLimited`] when too many were opened from there, or too many people
    /// sign in at this moment.
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
                "New accounts are made by the operator here.",
            ));
        }
        check(email, password)?;
        let message = "Too many accounts were opened from your network";
        self.begin_try(&TryOf::signing_up(from), message).await?;
        self.create_user(email, password).await
    }

    /// Opens an account, whether or not strangers may.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a bad address or password, or an address that has an account;
    /// [`Error::RateLimited`] when too many people sign in at this moment.
    pub async fn create_user(&self, email: &str, password: &SecretString) -> Result<Account, Error> {
        let email = check(email, password)?;
        let password_hash = self.hash_password(password).await?;
        let id = UserId::new(self.new_uuid());
        let row = UserRow {
            id,
            email,
            password_hash,
            callback_secret: self.new_callback_secret(id)?,
            callback_secret_previous: None,
            callback_secret_rotated: None,
            created_at: self.now(),
        };
        let mut tx = self.store().begin().await?;
        if !tx.insert_user(&row).await? {
            let issue =
                Issue::new("email", "taken", "There is an account with this address; sign in instead.");
            return Err(Error::InvalidRequest(vec![issue]));
        }
        tx.commit().await?;
        tracing::info!(user_id = %id, "account opened");
        Ok(row.into())
    }

    /// Checks an address and a password.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`], the same and as slow for an unknown address as for a wrong password;
    /// [`Error::RateLimited`] after too many of them, for both alike.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &SecretString,
        from: ClientAddress,
    ) -> Result<Account, Error> {
        let what = TryOf::signing_in(email, from);
        self.begin_try(&what, "Too many failed tries to sign in").await?;
        let found = match text::email("email", email) {
            Ok(email) => {
                let mut tx = self.store().read().await?;
                tx.user_by_email(&email).await?
            }
            Err(_) => None,
        };
        let hash = found.as_ref().map_or_else(|| NOBODY.to_owned(), |user| user.password_hash.clone());
        let matches = self.verify_password(password, hash).await?;
        let outcome = if matches { "right" } else { "wrong" };
        metrics::counter!("reef_sign_ins_total", "outcome" => outcome).increment(1);
        let account = found.filter(|_| matches).map(Account::from).ok_or(Error::WrongCredentials)?;
        self.try_succeeded(&what).await?;
        Ok(account)
    }

    /// The account with this id, if it is still there.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn account(&self, id: UserId) -> Result<Option<Account>, Error> {
        let mut tx = self.store().read().await?;
        Ok(tx.user(id).await?.map(Account::from))
    }

    /// The account with this address: for the operator's command line.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn account_by_email(&self, email: &str) -> Result<Option<Account>, Error> {
        let mut tx = self.store().read().await?;
        Ok(tx.user_by_email(&email.trim().to_lowercase()).await?.map(Account::from))
    }

    async fn hash_password(&self, password: &SecretString) -> Result<String, Error> {
        let mut salt = [0; 16];
        self.ports().entropy.fill(&mut salt);
        let password = password.clone();
        self.hashing()
            .run(move || {
                let hash =
                    Argon2::default().hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
                hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(error.to_string()))
            })
            .await
    }

    async fn verify_password(&self, password: &SecretString, hash: String) -> Result<bool, Error> {
        let password = password.clone();
        self.hashing()
            .run(move || {
                // A bounded length keeps the hash's cost bounded.
                if password.expose_secret().len() > text::PASSWORD_MAX {
                    return Ok(false);
                }
                let hash = PasswordHash::new(&hash).map_err(|error| Error::internal(error.to_string()))?;
                Ok(Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
            })
            .await
    }
}
