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
    #[sqlx(rename = "signing_secret")]
    pub callback_secret: Vec<u8>,
    /// The one before it, sealed.
    #[sqlx(rename = "previous_signing_secret")]
    pub callback_secret_previous: Option<Vec<u8>>,
    /// When the secret was last rotated.
    #[sqlx(rename = "signing_secret_rotated_at")]
    pub callback_secret_rotated: Option<Timestamp>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When its owner has shown that the address is theirs.
    pub email_confirmed_at: Option<Timestamp>,
}

impl Tx {
    /// Adds an account; `false` when the address is taken.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_user(&mut self, user: &UserRow) -> Result<bool, StoreError> {
        let added = execute!(
            self,
            "insert into users (id, email, password_hash, signing_secret, created_at, email_confirmed_at)
             values ($1, $2, $3, $4, $5, $6) on conflict (email) do nothing",
            user.id,
            &user.email,
            &user.password_hash,
            &user.callback_secret,
            user.created_at,
            user.email_confirmed_at,
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
            "update users set previous_signing_secret = signing_secret, signing_secret = $2,
                    signing_secret_rotated_at = $3 where id = $1",
            id,
            sealed,
            now,
        );
        Ok(())
    }

    /// Replaces the password's hash while it is the one that was read; `false` when somebody was faster.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn change_password_hash(
        &mut self,
        id: UserId,
        before: &str,
        after: &str,
    ) -> Result<bool, StoreError> {
        let sql = "update users set password_hash = $3 where id = $1 and password_hash = $2";
        Ok(execute!(self, sql, id, before, after) == 1)
    }

    /// Deletes an account with its keys, its sessions, the timelines of its deleted assistants and whatever else is its
    /// own; `false`, with nothing deleted, while it has an assistant or when there is no such account.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_user(&mut self, id: UserId) -> Result<bool, StoreError> {
        // Who is ordering an assistant has a hold on the account's row: either that is seen below, or finds no account.
        let sql = dialect!(
            self,
            sqlite: "select id from users where id = $1",
            postgres: "select id from users where id = $1 for update",
        );
        let _: Option<(UserId,)> = fetch_optional!(self, (UserId,), sql, id);
        let sql = "select count(*) from assistants where user_id = $1";
        let assistants: Option<(i64,)> = fetch_optional!(self, (i64,), sql, id);
        if assistants.is_none_or(|(count,)| count > 0) {
            return Ok(false);
        }
        // What was told of its assistants; receipts are kept longer, and are found by their owner.
        execute!(
            self,
            "delete from events where assistant_id in (select assistant_id from receipts where user_id = $1)",
            id
        );
        execute!(
            self,
            "delete from deliveries where assistant_id in (select assistant_id from receipts where user_id = $1)",
            id
        );
        execute!(self, "delete from idempotency_keys where user_id = $1", id);
        Ok(execute!(self, "delete from users where id = $1", id) == 1)
    }

    /// Notes that this address of the account is its owner's; `false` when the account has another one. The first time
    /// counts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn confirm_address(
        &mut self,
        id: UserId,
        email: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "update users set email_confirmed_at = coalesce(email_confirmed_at, $3)
                   where id = $1 and email = $2";
        Ok(execute!(self, sql, id, email, now) == 1)
    }

    /// Gives the account another (lower-cased) address, which its owner has confirmed; `false` when it is taken. Two that
    /// take it at the same moment: the second is a unique violation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn change_address(
        &mut self,
        id: UserId,
        email: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "update users set email = $2, email_confirmed_at = $3
                   where id = $1 and not exists (select 1 from users where email = $2 and id <> $1)";
        Ok(execute!(self, sql, id, email, now) == 1)
    }

    /// Replaces the password's hash; `false` when there is no such account.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_password_hash(&mut self, id: UserId, hash: &str) -> Result<bool, StoreError> {
        let sql = "update users set password_hash = $2 where id = $1";
        Ok(execute!(self, sql, id, hash) == 1)
    }
}
