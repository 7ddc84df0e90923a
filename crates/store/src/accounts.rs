//! Accounts.

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_optional};

/// An account.
#[derive(Clone, Debug, FromRow)]
pub struct UserRow {
    /// Its id.
    pub id: UserId,
    /// Lower-cased address.
    pub email: String,
    /// argon2id, in PHC form.
    pub password_hash: String,
    /// The callbacks' signing secret, sealed.
    pub callback_secret: Vec<u8>,
    /// The one before it, sealed.
    pub callback_secret_previous: Option<Vec<u8>>,
    /// When the secret was last rotated.
    pub callback_secret_rotated: Option<Timestamp>,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl Tx {
    /// Adds an account; `false` when the address is taken.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_user(&mut self, user: &UserRow) -> Result<bool, StoreError> {
        let added = execute!(
            self,
            "insert into users (id, email, password_hash, callback_secret, created_at)
             values ($1, $2, $3, $4, $5) on conflict (email) do nothing",
            user.id,
            &user.email,
            &user.password_hash,
            &user.callback_secret,
            user.created_at,
        );
        Ok(added == 1)
    }

    /// The account with this (lower-cased) address.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn user_by_email(&mut self, email: &str) -> Result<Option<UserRow>, StoreError> {
        Ok(fetch_optional!(self, UserRow, "select * from users where email = $1", email))
    }

    /// The account with this id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn user(&mut self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        Ok(fetch_optional!(self, UserRow, "select * from users where id = $1", id))
    }

    /// Makes whatever else locks this account wait until the transaction ends, so that what is counted for it
    /// stays so.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn lock_user(&mut self, id: UserId) -> Result<(), StoreError> {
        // SQLite's writers hold the whole database already. Rows that refer to the account are not held up.
        let sql = dialect!(
            self,
            sqlite: "select id from users where id = $1",
            postgres: "select id from users where id = $1 for no key update",
        );
        let _: Option<(UserId,)> = fetch_optional!(self, (UserId,), sql, id);
        Ok(())
    }

    /// Replaces the callbacks' signing secret; the one before it is kept beside.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn rotate_callback_secret(
        &mut self,
        id: UserId,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update users set callback_secret_previous = callback_secret, callback_secret = $2,
                    callback_secret_rotated = $3 where id = $1",
            id,
            sealed,
            now,
        );
        Ok(())
    }
}
