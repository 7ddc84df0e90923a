//! Accounts: signing up and in.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use reef_domain::ids::UserId;
use reef_domain::{Issue, text};
use reef_store::UserRow;
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::services::Services;

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

impl Services {
    /// Opens an account for a stranger.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a bad address or password, an address that has an account, or when
    /// sign-ups are closed.
    pub async fn sign_up(&self, email: &str, password: &SecretString) -> Result<Account, Error> {
        if !self.config().signups_open {
            return Err(Error::invalid_field(
                "",
                "signups_closed",
                "New accounts are made by the operator here.",
            ));
        }
        self.create_user(email, password).await
    }

    /// Opens an account, whether or not strangers may.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a bad address or password, or an address that has an account.
    pub async fn create_user(&self, email: &str, password: &SecretString) -> Result<Account, Error> {
        let address = text::email("email", email);
        let strength = text::password("password", password.expose_secret());
        let email = match (address, strength) {
            (Ok(email), Ok(())) => email,
            (address, strength) => {
                return Err(Error::InvalidRequest(address.err().into_iter().chain(strength.err()).collect()));
            }
        };
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
    /// [`Error::WrongCredentials`], the same and as slow for an unknown address as for a wrong password.
    pub async fn sign_in(&self, email: &str, password: &SecretString) -> Result<Account, Error> {
        let found = match text::email("email", email) {
            Ok(email) => {
                let mut tx = self.store().read().await?;
                tx.user_by_email(&email).await?
            }
            Err(_) => None,
        };
        let hash = found.as_ref().map_or_else(|| NOBODY.to_owned(), |user| user.password_hash.clone());
        let matches = self.verify_password(password, hash).await?;
        found.filter(|_| matches).map(Account::from).ok_or(Error::WrongCredentials)
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
        self.hashing_slot(move || {
            let hash = Argon2::default().hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(error.to_string()))
        })
        .await
    }

    async fn verify_password(&self, password: &SecretString, hash: String) -> Result<bool, Error> {
        let password = password.clone();
        self.hashing_slot(move || {
            // A bounded length keeps the hash's cost bounded.
            if password.expose_secret().len() > text::PASSWORD_MAX {
                return Ok(false);
            }
            let hash = PasswordHash::new(&hash).map_err(|error| Error::internal(error.to_string()))?;
            Ok(Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
        })
        .await
    }

    /// Runs a hash off the async threads, a few at a time.
    async fn hashing_slot<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _slot = self.hashing().acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }
}
